"""Forward-forward: every module tells pictures with their true label from pictures with a wrong one.

Hinton, "The forward-forward algorithm: some preliminary investigations", 2022. Each picture is seen with its
label y in it, and with another one, ȳ, drawn uniformly:

    L_k = mean_i [ softplus( s (θ - g_k(x_i, y_i)) ) + softplus( s (g_k(x_i, ȳ_i) - θ) ) ]
    g_k = mean_j h_kj²,   h_k = f_k( stop-gradient( h_{k-1} / sqrt(g_{k-1}) ) ),   h_0 = f_0(x + wave_y)

g_k: the goodness of module k. The next module sees its output divided by its length, hence not its goodness.

``goodness``: the class is predicted whose label has the greatest goodness, summed over modules: one forward
pass for each class, and no classifier. ``readout``: the classifier is trained on the last hidden module's output
(normalised too) for pictures with the neutral label, the mean of all labels: one pass, which the paper calls quick
but sub-optimal. On digits it reads little more from trained modules than from untrained ones.

Departures:

- Hinton writes the label over the first ten pixels, which a convolution sees in one corner only. Here it is a
  plane wave over the whole picture, one for each class, added to the normalised picture (Scodellaro, Kulkarni,
  Alves & Schröter, "Training convolutional neural networks with the forward-forward algorithm", 2025). Of
  their rule for the waves only the idea is taken: here they are those of lowest frequency from two periods a
  picture on, of random phase.
- Goodness is the mean of squares, not their sum, as in DeeperForward (Sun et al., ICLR 2025), so that θ = 1,
  which is the sum's threshold of one per feature, and ``sharpness`` s mean the same in modules of any size. The
  sum would be s = the number of features; already with s = 64 SGD at the suites' learning rates learns little.
- The classifier reads the last hidden module only, and is trained after the others; the paper's reads all but
  the first layer while they learn. Goodness is summed over all modules, the paper leaves the first layer out:
  here that may be the only one.
- ``sharpness`` 8 and the waves' ``amplitude`` 2 were chosen on held-out digits, for a ResNet, a ViT and a ConvNeXt.
- Negative labels are uniform; the paper also draws them by the classifier's probabilities, to learn faster.
- A module is what the suite cuts, with its own normalisation inside; the paper makes every layer one.
- Two parts of a public re-implementation (loweX's) are left out: the peer normalisation, a term of weight 0.03 that
  keeps units equally active, and the ReLU whose gradient is one everywhere.
"""

from collections.abc import Iterator, Sequence
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, Phase, Task
from benchmark.errors import UserError

LONGEST = 1 / 2  # of the picture, in a wave's period: longer ones look like brightness to a small filter


class LabelWaves(nn.Module):
    """Puts a label into pictures: adds its class's wave, a cos(u row + v column + phase).

    A wave is kept as two products of a column and a row, since a thousand pictures of it would be large.
    """

    def __init__(self, task: Task, amplitude: float) -> None:
        super().__init__()
        u, v = wave_numbers(task.image_size, task.classes)
        phase = 2 * pi * torch.rand(task.classes, 1)
        at = 2 * pi * torch.arange(task.image_size) / task.image_size
        down, across = u[:, None] * at + phase, v[:, None] * at
        self.register_buffer("rows", amplitude * torch.stack([down.cos(), -down.sin()], 1))
        self.register_buffer("columns", torch.stack([across.cos(), across.sin()], 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Pictures ``x`` (B, C, H, W) with the labels ``y`` (B,)."""
        return x + torch.einsum("bih,biw->bhw", self.rows[y], self.columns[y])[:, None]

    def neutral(self, x: Tensor) -> Tensor:
        """Pictures ``x`` (B, C, H, W) with the mean of all labels."""
        return x + torch.einsum("nih,niw->hw", self.rows, self.columns) / len(self.rows)


def wave_numbers(size: int, classes: int) -> tuple[Tensor, Tensor]:
    """Periods along the two sides (classes,), of waves in different directions or of different lengths.

    Where a picture is too small for so many, waves are used again, with other phases.
    """
    top = (size - 1) // 2  # below the Nyquist frequency
    half = [(u, v) for u in range(top + 1) for v in range(-top, top + 1) if u > 0 or v > 0]
    short = [w for w in half if w[0] ** 2 + w[1] ** 2 >= 1 / LONGEST**2]
    ordered = sorted(short, key=lambda w: w[0] ** 2 + w[1] ** 2)
    u, v = torch.tensor([ordered[c % len(ordered)] for c in range(classes)]).unbind(1)
    return u, v


class ForwardForward(LocalMethod):
    title = "Forward-forward"
    paper = "https://arxiv.org/abs/2212.13345"
    authors = "Hinton"
    year = 2022
    citation = {
        "author": "Geoffrey Hinton",
        "journal": "arXiv preprint arXiv:2212.13345",
    }
    readout = True
    defaults = {"prediction": "goodness", "threshold": 1.0, "sharpness": 8.0, "amplitude": 2.0}
    variants = {"goodness": {"prediction": "goodness"}, "readout": {"prediction": "readout"}}
    # of that re-implementation, whose goodness is a sum
    recipe = {"optimizer": "sgd", "lr": 1e-3, "weight_decay": 3e-4, "batch": 100, "epochs": 100}
    tunes = {"sharpness": (1.0, 64.0), "amplitude": (0.5, 8.0)}

    def auxiliary(self, k: int) -> nn.Module | None:
        if self.options.prediction not in self.variants:
            raise UserError(f"Forward-forward has no prediction {self.options.prediction!r}; use goodness or readout.")
        return LabelWaves(self.task, self.options.amplitude) if k == 0 else None

    def phases(self) -> Sequence[Phase]:
        hidden, readout = super().phases()
        return (hidden, readout) if self.options.prediction == "readout" else (hidden,)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        if self.last in self.phase.trains:
            yield from super().losses(batch)
            return
        labelled = [self.auxiliaries[0](batch.x, y) for y in (batch.y, self.wrong_labels(batch.y))]
        for k, h in self.hidden(torch.cat(labelled)):
            yield self.local_loss(k, h, batch)

    def hidden(self, x: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The hidden modules' outputs for pictures ``x`` with a label in them, each on a graph of its own."""
        h = x
        for k in range(self.last):
            h = self.forward(k, normalise(h) if k else h)
            yield k, h
            h = h.detach()

    def wrong_labels(self, y: Tensor) -> Tensor:
        """For each label another one, uniformly."""
        return (y + torch.randint(1, self.task.classes, y.shape, device=y.device)) % self.task.classes

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        logits = self.options.sharpness * (goodness(h) - self.options.threshold)
        positive, negative = logits.chunk(2)
        return (F.softplus(-positive) + F.softplus(negative)).mean()

    def enter(self, k: int, h: Tensor, x: Tensor) -> Tensor:
        return normalise(h) if k else self.auxiliaries[0].neutral(h)

    def predict(self, x: Tensor) -> Tensor:
        if self.options.prediction == "readout":
            return super().predict(x)
        classes = torch.arange(self.task.classes, device=x.device)
        return torch.stack([self.total_goodness(x, label.expand(len(x))) for label in classes], 1)

    def total_goodness(self, x: Tensor, y: Tensor) -> Tensor:
        """Goodness (B,) of pictures ``x`` with labels ``y``, summed over the hidden modules."""
        return torch.stack([goodness(h) for _, h in self.hidden(self.auxiliaries[0](x, y))]).sum(0)

    def deployed(self) -> Sequence[nn.Module]:
        return super().deployed() if self.options.prediction == "readout" else tuple(self.modules[: self.last])


def goodness(h: Tensor) -> Tensor:
    """Mean of squares of each sample's features: (B, ...) -> (B,)."""
    return h.flatten(1).square().mean(1)


def normalise(h: Tensor) -> Tensor:
    """``h`` (B, ...) with a goodness of one in every sample."""
    scale = (goodness(h) + torch.finfo(h.dtype).tiny).rsqrt()
    return h * scale.view(-1, *(1,) * (h.dim() - 1))
