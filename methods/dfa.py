"""Direct feedback alignment: the error at the output reaches every module at once, through fixed random matrices.

Nøkland, "Direct feedback alignment provides learning in deep neural networks", NeurIPS 2016.

    w_k moves along  (∂h_k / ∂w_k)ᵀ B_k e,   e = softmax(logits) - onehot(y),   k = 0 ... K - 2

e is the gradient of the cross-entropy at the logits, one row per picture; B_k is drawn once and never trained, in
place of the transposed Jacobian of all that is above. The last module learns by cross-entropy. Every module's
gradient needs only e: the backward passes of the modules do not wait for each other.

All graphs of the forward pass are kept until e is there, as in backpropagation: this method saves no memory.

Departures: a module is what the suite cuts, and inside it true gradients flow, where the paper makes every layer
one. B_k is normal of variance 1 / (numbers in h_k), so that B_k e is as long as e, whatever the map's size (the paper:
uniform, tuned per network; by default its code's variance is a third of ours, with which digits had 96.2 % and not
97.1). On maps larger than 8x8 it is drawn on 8x8 positions and repeated to the nearest ones, as it would outgrow the
network (the paper draws every position). The h_k of transformers (tokens) enters behind a layer norm without
parameters: in today's, no norm ends a block, and h_k would grow along -B_k e without end, since the next block's norm
hides its size from e. In the transformers that DFA was shown to train (Launay et al., NeurIPS 2020) a norm ends every
block.
"""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Method, feedback


class DFA(Method):
    title = "Direct feedback alignment"
    paper = "https://arxiv.org/abs/1609.01596"
    authors = "Nøkland"
    year = 2016
    citation = {
        "author": "Arild Nøkland",
        "booktitle": "Advances in Neural Information Processing Systems (NeurIPS)",
    }
    family = "weakly modular"
    removes = ("backward",)
    reach = 0
    recipe = {"optimizer": "rmsprop", "lr": 5e-5, "epochs": 300}

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else feedback.RandomFeedback(self.outputs[k], self.task.classes)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        outputs, h = [], batch.x
        for module in self.modules:
            outputs.append(module(h))
            h = outputs[-1].detach()
        error = h.softmax(1) - F.one_hot(batch.y, self.task.classes)
        yield F.cross_entropy(outputs.pop(), batch.y)
        for k in reversed(range(self.last)):
            h = self.bounded(k, outputs.pop())
            yield (h * self.auxiliaries[k](error)).sum() / len(batch)

    def bounded(self, k: int, h: Tensor) -> Tensor:
        """Tokens behind a layer norm without parameters; maps as they are."""
        return F.layer_norm(h, h.shape[-1:]) if self.outputs[k].layout in ("NLC", "NHWC") else h
