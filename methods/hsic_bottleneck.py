"""HSIC bottleneck: every module keeps what depends on the label and forgets what depends on the picture.

Ma, Lewis & Kleijn, "The HSIC bottleneck: deep learning without back-propagation", AAAI 2020.

Hidden modules ("unformatted training" in the paper):

    minimise  nHSIC( z_k, x ) - λ_y nHSIC( z_k, y ),   z_k = avgpool(h_k),   h_k = f_k(stop-gradient(h_{k-1}))
    nHSIC(u, v) = tr( R_u R_v ),   R = K̄ (K̄ + ε B I)⁻¹,   K̄ = H K H,   K_ij = exp( -|u_i - u_j|² / (2 σ² D) )

over a batch of B. x: the picture, flattened; y: the label, one-hot; D: the dimension of u. Then the classifier
learns by cross-entropy on frozen features ("format training"). The kernel of one-hot labels only tells which
pictures share a class. σ = 5, ε = 1e-5 and λ_y = 200 are those of the authors' code for its convolutional
residual network (λ_y is 50 in other configurations of it).

Departures:

- The objective is divided by λ_y: at the suites' learning rate of 0.1 that is the paper's objective at 5e-4
  (the authors' code: SGD at 1e-4 to 1e-2, whose momentum never acts).
- z_k is pooled over space, where the authors' code flattens. The kernel of more dimensions than the batch has
  pictures tells every picture from every other: R_z is close to a projection onto everything from the start,
  nHSIC(z_k, y) close to its bound C - 1, and little is left to learn.
- z_k is divided by its root mean square. The paper's networks have BatchNorm throughout; without one (ViT,
  ConvNeXt) features would grow until every picture is far from every other, with the same end.
- Gradients stop between modules; in the authors' code they reach all layers below, which then do not step.
- A module is what the suite cuts, where the paper makes every layer one.
- The paper's read-out without training, the largest output of the last layer, is left out.
"""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads, losses
from benchmark.errors import UserError


class HSICBottleneck(LocalMethod):
    title = "HSIC bottleneck"
    paper = "https://arxiv.org/abs/1908.01580"
    authors = "Ma, Lewis & Kleijn"
    year = 2020
    citation = {
        "author": "Wan-Duo Kurt Ma and J. P. Lewis and W. Bastiaan Kleijn",
        "booktitle": "AAAI Conference on Artificial Intelligence",
    }
    defaults = {"lambda_y": 200.0, "sigma": 5.0}
    recipe = {"optimizer": "sgd", "lr": 0.1, "momentum": 0.0}  # 5e-4 in its code, whose loss is lambda_y times ours
    tunes = {"sigma": (0.5, 50.0), "lambda_y": (20.0, 2000.0)}
    readout = True
    labels = "pairs"

    def auxiliary(self, k: int) -> nn.Module | None:
        if not (self.options.lambda_y > 0 and self.options.sigma > 0):
            raise UserError("The HSIC bottleneck needs lambda_y and sigma above 0.")
        return None

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        if self.phase.trains != (self.last,):
            self.target = self.wanted(batch)
        yield from super().losses(batch)

    def wanted(self, batch: Batch) -> Tensor:
        """R_x / λ_y - R_y, (B, B): the objective is linear in it, and it is the same for all modules."""
        labels = F.one_hot(batch.y, self.task.classes).to(batch.x.dtype)
        return self.projection(batch.x) / self.options.lambda_y - self.projection(labels)

    def projection(self, u: Tensor) -> Tensor:
        """R_u, (B, B)."""
        return losses.ridge_projection(losses.gaussian_kernel(u, self.options.sigma))

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        z = heads.global_average(self.outputs[k].as_map(h))
        return (self.projection(F.rms_norm(z, z.shape[1:])) * self.target.T).sum()
