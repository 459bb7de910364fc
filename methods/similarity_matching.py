"""Similarity matching: pictures alike in a module's input, or of one class, become alike in its output.

Bahroun, Sridharan, Acharya, Chklovskii & Sengupta, "Unlocking the potential of similarity matching: scalability,
supervision and pre-training", 2023.

Hidden modules, each on a batch of B:

    L_k = 1/B² | S(h_{k-1}) / s + α P / p - S(φ(h_k)) |²_F,   φ = ReLU,   h_k = f_k(stop-gradient(h_{k-1}))
    S(v)_ij = <v_i - v̄, v_j - v̄> / D,   P_ij = B / B_i [y_i = y_j] - 1,   s, p: mean diagonals

D: the dimension of v, flattened; v̄: its mean over the batch; B_i: how many pictures are of i's class. P is the
similarity of whitened labels, Zᵀ(ZZᵀ/B)⁻¹Z of centred one-hot Z, as in canonical correlation analysis: it uses
only which pictures share a class. ``unsupervised``: α = 0, no labels; the paper's pre-training. The classifier
learns by cross-entropy on frozen features in both.

The paper's text could not be had, only its abstract, and two documents that cite it for these objectives, of a
PyTorch package for similarity matching by members of the same group:

    min_Y 1/T² Σ_tt' ( W(x_t)·W(x_t') + α z_t·z_t' - y_t·y_t' )²,   Y >= 0,   z: labels

There the label's encoder has a whitening penalty; minimised over the encoder that turns z·z' into P (but for
the centring). Which architecture, α and schedule the paper uses is not known.

Departures:

- Y is the module's own output, trained by gradients of the objective on a batch's Gram matrices. In the paper a
  layer's output is where recurrent dynamics settle, and its weights learn by Hebbian rules.
- Non-negativity is that of the ReLU that the objective puts on h_k; W is the identity.
- Similarities are between pictures, of all positions at once, where a convolutional layer there compares patches.
- Features are centred (as canonical correlations are) and the two similarities to match are brought to one
  scale, so that α has the same meaning at every depth and for every number of classes.
- ``scale`` multiplies the objective: its gradients are small beside those of a cross-entropy, and the suites share a
  rate (on digits five times the loss brought 87.9 to 96.4 %).
- α = 5: on held-out digits 1, 5 and 10 gave 79, 92 and 96 % in a ResNet, and on a ViT the first two did best.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, LocalMethod, Phase, losses


class SimilarityMatching(LocalMethod):
    title = "Similarity matching"
    paper = "https://arxiv.org/abs/2308.02427"
    authors = "Bahroun, Sridharan, Acharya, Chklovskii & Sengupta"
    year = 2023
    citation = {
        "author": (
            "Yanis Bahroun and Shagesh Sridharan and Atithi Acharya and Dmitri B. Chklovskii and Anirvan M. Sengupta"
        ),
        "journal": "arXiv preprint arXiv:2308.02427",
    }
    defaults = {"alpha": 5.0, "scale": 1.0}
    variants = {"supervised": {"alpha": 5.0}, "unsupervised": {"alpha": 0.0}}
    tunes = {"scale": (0.3, 30.0), "alpha": (0.5, 50.0)}
    readout = True
    labels = "pairs"

    def phases(self) -> Sequence[Phase]:
        hidden, output = super().phases()
        return hidden if self.options.alpha else replace(hidden, labels="none"), output

    def forward(self, k: int, h: Tensor) -> Tensor:
        if k < self.last:
            self.target = at_unit_scale(gram(h))
        return super().forward(k, h)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        target = self.target
        if self.options.alpha:
            target = target + self.options.alpha * at_unit_scale(whitened_labels(batch.y, h))
        return self.options.scale * F.mse_loss(gram(F.relu(h)), target)


def gram(h: Tensor) -> Tensor:
    """S: (B, ...) -> (B, B)."""
    h = h.flatten(1)
    h = h - h.mean(0)
    return h @ h.T / h.shape[1]


def whitened_labels(y: Tensor, h: Tensor) -> Tensor:
    """P of labels (B,): (B, B), in the precision of ``h``."""
    same = losses.same_class(y).to(h.dtype)
    return same * (len(y) / same.sum(0)) - 1


def at_unit_scale(similarity: Tensor) -> Tensor:
    """A similarity matrix (B, B) over its mean diagonal; pictures that are all alike stay so."""
    return similarity / similarity.diagonal().mean().clamp(min=1e-12)
