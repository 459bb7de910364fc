"""BackLink: the local loss of a module also teaches the last layers of the module before it.

Guo, Fouda, Eltawil & Salama, "BackLink: supervised local training with backward links", arXiv:2205.07141, 2022
(IEEE Transactions on Artificial Intelligence, 2023).

    f_k = t_k ∘ b_k,   t_k: the last ``reach_back`` units of module k,   u_k = sg(b_k(sg(h_{k-1})))
    L_k = CE( a_k( f_k( t_{k-1}( u_{k-1} ) ) ), y ),   sg: stop-gradient;   L_0 = CE( a_0( f_0(x) ), y )

L_k has a gradient for a_k, f_k and t_{k-1}; the units of a tail learn from two losses, which is why a module
steps only after the loss of the next one. With ``reach_back = 0`` it is greedy learning with head a_k. A link
never goes back further than one module.

a_k is ``1c2f``: one 3x3 convolution, pool, two linear layers. The last module learns by cross-entropy.

Departures: the length of the links and the head were found in no source at hand, so ``reach_back`` is 1 unit
(a block), and the head is that of InfoPro, whose ResNet-32 in 16 modules the paper takes too. The tails run
twice a step, once for either loss, where one could keep their graph; BatchNorm's statistics move once, and
dropout in a tail draws anew.
"""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads
from benchmark.engine.buffers import on_copies_of_buffers
from benchmark.errors import UserError


class BackLink(LocalMethod):
    title = "BackLink"
    paper = "https://arxiv.org/abs/2205.07141"
    authors = "Guo, Fouda, Eltawil & Salama"
    year = 2022
    citation = {
        "author": "Wenzhe Guo and Mohammed E. Fouda and Ahmed M. Eltawil and Khaled N. Salama",
        "journal": "arXiv preprint arXiv:2205.07141",
    }
    removes = ("backward",)
    reach = 1
    steps_early = False
    defaults = {"reach_back": 1}
    tunes = {"reach_back": [1, 2, 3]}

    def auxiliary(self, k: int) -> nn.Module | None:
        if not isinstance(self.options.reach_back, int) or self.options.reach_back < 0:
            raise UserError(f"reach_back is a number of units, 0 or more, not {self.options.reach_back!r}.")
        return None if k == self.last else heads.ConvHead(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def parts(self, k: int) -> tuple[nn.Sequential, nn.Sequential]:
        """Module ``k`` before its tail, and its tail."""
        units = list(self.modules[k].children())
        start = max(0, len(units) - self.options.reach_back)
        return nn.Sequential(*units[:start]), nn.Sequential(*units[start:])

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        h, before_tail = batch.x, batch.x
        for k in range(len(self.modules)):
            body, tail = self.parts(k)
            h = self.linked(k, h, before_tail)
            middle = body(h)
            h = tail(middle)
            yield self.output_loss(h, batch) if k == self.last else self.local_loss(k, h, batch)
            h, before_tail = h.detach(), middle.detach()

    def linked(self, k: int, h: Tensor, before_tail: Tensor) -> Tensor:
        """What module ``k`` sees: ``h``, but with the graph of the tail before it, run again from its input."""
        if k == 0:
            return h
        _, tail = self.parts(k - 1)
        with on_copies_of_buffers(tail):
            return tail(before_tail)
