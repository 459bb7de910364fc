"""Local objectives that several methods share, as pure functions of features and labels.

Each takes a batch and returns a scalar to be minimised (or, where it says so, a similarity in [-1, 1]). None
draws random numbers, keeps state or looks at a module. Under autocast they compute in fp32 all the same. Those that
compare pictures see the whole batch where several processes share it and the recipe has objectives gathered.
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.engine.objectives.autocast import in_float32
from benchmark.engine.objectives.gathered import of_whole_batch


def same_class(y: Tensor) -> Tensor:
    """Which pairs share a class: labels (B,) -> (B, B) bool."""
    return y[:, None] == y[None, :]


@in_float32
def reconstruction(logits: Tensor, pixels: Tensor) -> Tensor:
    """Cross-entropy between a decoder's sigmoid output and the picture (InfoPro's reconstruction loss).

        L = -mean[ x log σ(z) + (1 - x) log(1 - σ(z)) ] = mean[ softplus(z) - x z ]

    Args:
        logits: z, (B, C, H, W).
        pixels: x, (B, C, H, W), in [0, 1].
    """
    return _BernoulliLoss.apply(logits, pixels)


class _BernoulliLoss(torch.autograd.Function):
    """``F.binary_cross_entropy_with_logits`` in less than half its time: its logarithm is slow on a CPU."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, pixels: Tensor) -> Tensor:
        pixels = torch.empty_like(logits).copy_(pixels)  # of one memory layout
        smooth = torch.sigmoid(logits.abs()).log_()  # -log(1 + exp(-|z|))
        loss = torch.relu(logits).sub_(smooth).sub_(logits * pixels).mean()
        ctx.save_for_backward(torch.sigmoid(logits).sub_(pixels))
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (difference,) = ctx.saved_tensors
        return difference * (gradient / difference.numel()), None


@in_float32
@of_whole_batch
def supervised_contrastive(z: Tensor, y: Tensor, temperature: float = 0.07) -> Tensor:
    """Supervised contrastive loss with one view (Khosla et al., NeurIPS 2020, Eq. 2).

        L = 1/B Σ_i [ log Σ_{a≠i} exp(z_i·z_a/τ) - 1/|P(i)| Σ_{p∈P(i)} z_i·z_p/τ ],   |z_i| = 1

    P(i): the other pictures of i's class. An anchor without any contributes 0 and counts in B.

    Args:
        z: embeddings (B, D); normalised here.
        y: labels (B,).
        temperature: τ.
    """
    z = F.normalize(z, dim=1)
    similarity = z @ z.T / temperature
    itself = torch.eye(len(y), dtype=torch.bool, device=y.device)
    positives = same_class(y) & ~itself
    count = positives.sum(1)
    attraction = (similarity * positives).sum(1) / count.clamp(min=1)
    repulsion = similarity.masked_fill(itself, -torch.inf).logsumexp(1)
    return ((repulsion - attraction) * (count > 0)).mean()


@in_float32
def similarity_matrix(h: Tensor) -> Tensor:
    """Adjusted cosine similarities S(h) of a batch (Nøkland & Eidnes, ICML 2019).

        S_ij = <a_i, a_j>,   a_i = (v_i - mean v_i) / (|v_i - mean v_i| + 1e-8),   clamped to [-1, 1]

    v_i is the standard deviation over space of each channel, for maps with more than 3 channels and more than
    one position; anything else is flattened.

    Args:
        h: (B, C, H, W) or (B, D).

    Returns:
        (B, B).
    """
    if h.dim() == 4 and h.shape[1] > 3 and h.shape[2] * h.shape[3] > 1:
        h = h.flatten(2).std(2)
    h = h.flatten(1)
    h = h - h.mean(1, keepdim=True)
    h = h / (h.norm(dim=1, keepdim=True) + 1e-8)
    return (h @ h.T).clamp(-1, 1)


@in_float32
@of_whole_batch
def similarity_matching(h: Tensor, y: Tensor, classes: int) -> Tensor:
    """Mean squared difference between the similarities of features and of one-hot labels (same paper).

        L = 1/B² Σ_ij ( S(h)_ij - S(onehot y)_ij )²

    Args:
        h: (B, C, H, W) or (B, D).
        y: labels (B,), below ``classes``.
    """
    labels = F.one_hot(y, classes).to(h.dtype)
    return F.mse_loss(similarity_matrix(h), similarity_matrix(labels))


@in_float32
@of_whole_batch
def kernel_alignment(features: Tensor, y: Tensor) -> Tensor:
    """Alignment, in [-1, 1], of a batch's Gram matrix with the ideal one; to be maximised.

        A = <u, u*> / (|u| |u*|),   u: strict upper triangle of G,  u*: of G*
        G_ij = <φ_i, φ_j>,   G*_ij = 1 for one class, 0 for two   (Duan, Yu & Principe 2021)

    A batch in which no two pictures share a class has no ideal direction: 0.

    Args:
        features: φ, (B, D), of unit norm and non-negative, so that 0 is the least value of the kernel.
        y: labels (B,); only whether two are equal is used.
    """
    row, column = torch.triu_indices(len(y), len(y), offset=1, device=y.device)
    gram = (features @ features.T)[row, column]
    ideal = torch.where(y[row] == y[column], 1.0, 0.0).to(gram.dtype)
    return F.cosine_similarity(gram, ideal, dim=0)


@in_float32
@of_whole_batch
def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy of two views (SimCLR; Chen et al., ICML 2020, Eq. 1).

        L = -1/2B Σ_i log( exp(z_i·z_p(i)/τ) / Σ_{j≠i} exp(z_i·z_j/τ) ),   |z_i| = 1

    z: the 2B embeddings of both views; p(i): the other view of i's picture. It is the supervised contrastive
    loss with each picture as a class of its own.

    Args:
        a: embeddings (B, D) of the first views; normalised here.
        b: embeddings (B, D) of the second views, in the same order.
        temperature: τ.
    """
    picture = torch.arange(len(a), device=a.device)
    return supervised_contrastive(torch.cat([a, b]), torch.cat([picture, picture]), temperature)


@in_float32
def info_nce(predictions: Tensor, targets: Tensor, negatives: Tensor) -> Tensor:
    """InfoNCE: tell the target that belongs to a prediction from others (van den Oord et al. 2018, Eq. 4).

        L = -1/N Σ_i log( exp(p_i·z_i) / (exp(p_i·z_i) + Σ_j exp(p_i·z_n(i,j))) )

    Args:
        predictions: p, (N, D); nothing is normalised.
        targets: z, (N, D); prediction i belongs to target i.
        negatives: n, (N, M): the numbers of the targets that prediction i is held against.
    """
    positive = (predictions * targets).sum(1, keepdim=True)
    others = torch.einsum("nd,nmd->nm", predictions, targets[negatives])
    return -torch.cat([positive, others], 1).log_softmax(1)[:, 0].mean()


@in_float32
@of_whole_batch
def gaussian_kernel(x: Tensor, sigma: float) -> Tensor:
    """Gram matrix of a Gaussian kernel whose variance grows with the dimension (Ma et al., AAAI 2020, their code).

        K_ij = exp( -|x_i - x_j|² / (2 σ² D) )

    Args:
        x: (B, ...), flattened to (B, D).
        sigma: σ.

    Returns:
        (B, B).
    """
    x = x.flatten(1)
    x = x - x.mean(0)  # leaves the distances, and keeps their digits when all x are far from 0
    norms = x.square().sum(1)
    distances = (norms[:, None] + norms[None, :] - 2 * x @ x.T).clamp(min=0)
    return torch.exp(-distances / (2 * sigma**2 * x.shape[1]))


def centred(kernel: Tensor) -> Tensor:
    """H K H with H = I - 11ᵀ/B: the Gram matrix (B, B) of features moved to zero mean."""
    return kernel - kernel.mean(0) - kernel.mean(1, keepdim=True) + kernel.mean()


@in_float32
def ridge_projection(kernel: Tensor, epsilon: float = 1e-5) -> Tensor:
    """R = K̄ (K̄ + ε B I)⁻¹ of the centred Gram matrix K̄ (B, B): all but a projection onto what the features span.

    Its eigenvalues are λ / (λ + ε B), so the system to solve has a condition number of at most 1 + 1/ε.
    """
    kernel = centred(kernel)
    ridge = epsilon * len(kernel) * torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
    solution: Tensor = torch.linalg.solve(kernel + ridge, kernel)
    return solution


@in_float32
def nhsic(kernel: Tensor, other: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Normalised HSIC in the form of canonical correlations, of two Gram matrices (B, B).

        nHSIC = tr(R_x R_y),   R = K̄ (K̄ + ε B I)⁻¹

    The squared canonical correlations of the two sets of kernel features, summed: at most B - 1, and at most
    C - 1 where one of the two is the label. (Fukumizu et al., NeurIPS 2007; Ma et al., AAAI 2020.)
    """
    return (ridge_projection(kernel, epsilon) * ridge_projection(other, epsilon).T).sum()


def carrying(loss: Tensor, pairs: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """A loss of that value which hands each tensor of the pairs the gradient that stands beside it."""
    products = [(value * gradient.detach()).sum() for value, gradient in pairs]
    if not products:  # nothing learns: a module that its user has frozen
        return loss
    total = torch.stack(products).sum()
    return loss + (total - total.detach())
