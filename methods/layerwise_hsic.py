"""Layer-wise training with HSIC: one module after the other learns to classify, and to depend on the picture.

Sakamoto & Sato, "End-to-end training induces information bottleneck through layer-role differentiation: a
comparative analysis with layer-wise training", TMLR 2024.

    L_k = CE( z_k, y ) - λ nHSIC( z_k, x ) / (B - 1),   z_k = W_k vec(pool(h_k)) + c_k,   all modules before k frozen
    nHSIC(u, v) = tr( R_u R_v ),   R = K̄ (K̄ + ε B I)⁻¹,   K̄ = H K H,   K_ij = exp( -|u_i - u_j| / (2 σ² D) )

The paper compares training schemes and proposes none. What it trains layer by layer has a local cross-entropy
through a linear classifier on features pooled to at most 2048 numbers; nHSIC is how it looks at the result, and
its finding is that such layers lose what they need of the picture. Its code can therefore add the second term,
"to prevent the information loss in the block", on the output z_k of the linear classifier. Variants: ``hsic``
with that term, ``cross_entropy`` without it (λ = 0: neither built nor computed), the scheme that is analysed.

It differs from greedy layerwise learning (Belilovsky et al. 2019) by the term in the picture and by the local
classifier: linear, where that method's is a small convolutional network.

The kernel is the one of the paper's code, with σ = 5 and ε = 1e-5: the distance in it is not squared, though the code
calls it Gaussian (``hsic_bottleneck`` has the Gaussian one).

Departures:

- The code's own λ is 0, and the values in the paper were not at hand. nHSIC of a batch of B can be B - 1 with such
  kernels, however few classes there are, and comes near to it (49 of 63 on digits), which would drown the
  cross-entropy the more, the larger the batch. Divided by B - 1 it lies between 0 and 1, and λ = 1 makes the two
  terms comparable; λ is a guess all the same.
- The code has the term where all layers learn at once; its sequential script, the one followed here (section
  B.2 of the paper), has it in earlier versions. Its other local losses (similarity matching, supervised
  contrastive), its perceptron head and nHSIC with the module's own input are left out.
- Each module trains for a full budget of epochs (the script: 50, where layers that learn at once have 400).
- The last module learns with the classifier, where the code trains the classifier alone, after the last layer.
- W_k and c_k start at zero; earlier modules are frozen with their BatchNorm. A module is what the suite cuts.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, ModularMethod, Phase, heads, losses

LIMIT = 2048  # numbers that a linear classifier sees


class LayerwiseHSIC(ModularMethod):
    title = "Layer-wise training with HSIC"
    paper = "https://arxiv.org/abs/2402.09050"
    authors = "Sakamoto & Sato"
    year = 2024
    citation = {
        "author": "Keitaro Sakamoto and Issei Sato",
        "journal": "Transactions on Machine Learning Research",
    }
    defaults = {"weight": 1.0, "sigma": 5.0}
    variants = {"hsic": {"weight": 1.0}, "cross_entropy": {"weight": 0.0}}
    recipe = {"optimizer": "adam", "lr": 5e-4, "weight_decay": 0.0, "schedule": "constant", "epochs": 50}
    tunes = {"weight": (0.03, 30.0), "sigma": (0.5, 50.0)}

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.PooledPredictor(self.outputs[k], self.task.classes, LIMIT)

    def phases(self) -> Sequence[Phase]:
        return [Phase((k,)) for k in range(len(self.modules))]

    def proxy_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        z = self.auxiliaries[k](h)  # the last module has no head: its logits
        loss = F.cross_entropy(z, batch.y)
        if k == self.last or not self.options.weight:
            return loss
        seen, kept = (distance_kernel(u, self.options.sigma) for u in (batch.x, z))
        return loss - self.options.weight * losses.nhsic(seen, kept) / (len(z) - 1)


def distance_kernel(x: Tensor, sigma: float) -> Tensor:
    """exp( -|x_i - x_j| / (2 σ² D) ) of x (B, ...), flattened to (B, D): (B, B)."""
    x = x.flatten(1)
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")  # exact between pictures that are alike
    return torch.exp(-distances / (2 * sigma**2 * x.shape[1]))
