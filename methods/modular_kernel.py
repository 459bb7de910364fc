"""Pairwise kernel learning: modules are trained one after the other, the hidden ones from pairs alone.

Duan, Yu & Principe, "Modularizing deep learning via pairwise learning with kernels", IEEE TNNLS 2021.

Hidden modules, in order:

    maximise  cos( triu G, triu G* ),   G_ij = <φ(h_i), φ(h_j)>,   G*_ij = 1 for one class, 0 for two
    φ(h) = avgpool4x4(ReLU(h)) / |.|

over the strict upper triangles of a batch: the authors' ``upper_tri_alignment`` and ``reapen``. It asks only
whether two pictures share a class. Then the output module: cross-entropy, all before it frozen. As φ is not
negative, 0 is the least that the kernel can be, and G* the optimum for a linear layer on φ.

Departures: the paper cuts once, everything | linear layer on φ, and takes the ReLU before it into φ. Here the
suite's cuts stand, the output module is the backbone's own, and φ is seen by the objective only. The pool is
min(4, size) on small maps. Each hidden module trains for a full budget of epochs, the output module for a
quarter (paper: 350 and 20 epochs). With K = 1 only the latter is left, for a full budget: end-to-end
backpropagation. ``scale`` multiplies the hidden modules' objective: its gradients are small beside those of a
cross-entropy, and the suites share a rate.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, ModularMethod, Phase, heads, losses


class ModularKernel(ModularMethod):
    title = "Pairwise kernel learning"
    paper = "https://arxiv.org/abs/2005.05541"
    authors = "Duan, Yu & Principe"
    year = 2021
    citation = {
        "author": "Shiyu Duan and Shujian Yu and Jose C. Principe",
        "journal": "IEEE Transactions on Neural Networks and Learning Systems",
    }
    defaults = {"scale": 1.0}
    recipe = {  # of the hidden modules on CIFAR-10, in its code
        "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 6.25e-5, "batch": 128, "epochs": 350,
        "schedule": "steps", "milestones": [0.5714, 0.8571], "gamma": 0.1,
    }  # fmt: skip
    tunes = {"scale": (0.3, 30.0)}

    def phases(self) -> Sequence[Phase]:
        hidden = [Phase((k,), share=1.0, labels="pairs") for k in range(self.last)]
        return (*hidden, Phase((self.last,), share=0.25 if hidden else 1.0, labels="full"))

    def proxy_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        if k == self.last:
            return F.cross_entropy(h, batch.y)
        return -self.options.scale * losses.kernel_alignment(heads.kernel_features(self.outputs[k], h), batch.y)
