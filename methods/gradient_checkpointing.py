"""Gradient checkpointing: end-to-end backpropagation that forgets activations and computes them again.

Chen, Xu, Zhang & Guestrin, "Training deep nets with sublinear memory cost", arXiv 1604.06174, 2016.

    minimise  L = CE(f_K(... f_1(x)), y)   over all parameters at once, storing only the K - 1 outputs of
    f_1 ... f_{K-1}; what is inside f_k is computed a second time when the backward pass reaches it.

The baseline that every memory claim must beat: the same weights as end-to-end backpropagation to the bit, for
at most one more forward pass. K decides the segments. The last module is not checkpointed: its activations
are needed as soon as they are there, so computing them twice would save nothing at the peak.

Computing a module a second time must leave no trace: its buffers (running statistics and counters of
BatchNorm) are copies while that happens.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from benchmark import Batch, Method
from benchmark.engine.buffers import on_copies_of_buffers


class GradientCheckpointing(Method):
    title = "Gradient checkpointing"
    paper = "https://arxiv.org/abs/1604.06174"
    authors = "Chen, Xu, Zhang & Guestrin"
    year = 2016
    citation = {
        "author": "Tianqi Chen and Bing Xu and Chiyuan Zhang and Carlos Guestrin",
        "journal": "arXiv preprint arXiv:1604.06174",
    }
    family = "end-to-end"

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        h = batch.x
        for module in self.modules[: self.last]:

            def contexts(
                module: nn.Module = module,
            ) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
                return nullcontext(), on_copies_of_buffers(module)

            h = checkpoint(module, h, use_reentrant=False, context_fn=contexts)
        yield F.cross_entropy(self.modules[self.last](h), batch.y)
