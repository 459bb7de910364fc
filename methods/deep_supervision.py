"""Deep supervision: every module classifies, as in greedy learning, but gradients still run end to end.

Lee, Xie, Gallagher, Zhang & Tu, "Deeply-supervised nets", AISTATS 2015. "L-BP" (local losses, global gradient) in
tables 3 and 4 of Ren, Kornblith, Liao & Hinton, "Scaling forward gradient with local losses", ICLR 2023.

    minimise  L = CE(h_K, y) + α Σ_{k<K} CE( W_k avgpool(h_k) + c_k, y ),   h_k = f_k(h_{k-1}),  over all at once

A control, which no lock is removed by: beside ``greedy_sl``, whose losses and heads it has, it tells what the local
losses do to a network from what isolation does. With α = 0 it is end-to-end backpropagation.

Departures: α is the same for every module and all of training, and the heads are ``greedy_sl``'s, so that the two
differ by the isolation alone. The paper's own weights and classifiers were not at hand, only its abstract.
"""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Method, heads


class DeepSupervision(Method):
    title = "Deep supervision"
    paper = "https://arxiv.org/abs/1409.5185"
    authors = "Lee, Xie, Gallagher, Zhang & Tu"
    year = 2015
    citation = {
        "author": "Chen-Yu Lee and Saining Xie and Patrick Gallagher and Zhengyou Zhang and Zhuowen Tu",
        "booktitle": "International Conference on Artificial Intelligence and Statistics (AISTATS)",
    }
    family = "end-to-end"
    defaults = {"weight": 1.0}
    tunes = {"weight": (0.03, 3.0)}

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        loss = batch.x.new_zeros(())
        for k, h in enumerate(self.chain(batch.x)):
            if k < self.last:
                loss = loss + self.options.weight * F.cross_entropy(self.auxiliaries[k](h), batch.y)
        yield loss + F.cross_entropy(h, batch.y)
