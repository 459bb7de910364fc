"""Local forward gradient: a local loss for each module, whose gradient inside the module noise on activities estimates.

Ren, Kornblith, Liao & Hinton, "Scaling forward gradient with local losses", ICLR 2023 (their LG-FG-A).

    L_k = CE( head_k(pool(h_k)), y ),   h_k = f_k(stop-gradient(h_{k-1})),   L_K = CE( h_K, y )
    g_l = Σ_i x_l,i t_i u_l,iᵀ,    t_i = Σ_{l in k} ∇_{z_l} L_k,i · u_l,i,    u ~ N(0, I) for each picture i

x_l and z_l: what goes into layer l of module k and what it puts out; t_i is the tangent of forward-mode
differentiation. There is no backward pass at all: a module keeps what went into its layers until t_i is there. The
variance grows with the activities of one module, not of the network, so smaller modules have better gradients.

Departures: the paper's losses are, beside, one for each patch of the picture and each group of channels, which all have
the same value; that lowers the variance further and needs its LocalMixer, whose blocks mix neither between the noise
and the loss. On given backbones most paths from an activity to the loss lead through other patches and groups. head_k
learns by its own gradient, of one layer; the classifier at the end by noise, in the authors' code as a head. For
where noise is added, normalisations, embeddings and BatchNorm see ``forward_gradient``.
"""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.forward_ad import unpack_dual

from benchmark import Batch, LocalMethod, heads, losses, perturbation


class LocalForwardGradient(LocalMethod):
    title = "Local forward gradient"
    paper = "https://arxiv.org/abs/2210.03310"
    authors = "Ren, Kornblith, Liao & Hinton"
    year = 2023
    citation = {
        "author": "Mengye Ren and Simon Kornblith and Renjie Liao and Geoffrey Hinton",
        "booktitle": "International Conference on Learning Representations (ICLR)",
    }
    # of their code's configuration for ImageNet
    recipe = {
        "optimizer": "momentum", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "warmup_epochs": 10,
        "batch": 256, "epochs": 120,
    }  # fmt: skip

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        h = batch.x
        for k, (module, head) in enumerate(zip(self.modules, self.auxiliaries, strict=True)):
            activities = perturbation.Activities([module])
            with perturbation.tangents():
                with activities.dual():
                    out = module(h)
                value, slopes = unpack_dual(F.cross_entropy(head(out), batch.y, reduction="none"))
                h = unpack_dual(out).primal.detach()
                # the last module has no head: its logits hang on their own layer, which noise teaches as any other
                loss = value.detach().mean() if k == self.last else value.mean()
                loss = losses.carrying(loss, activities.pairs(slopes))
            yield loss
