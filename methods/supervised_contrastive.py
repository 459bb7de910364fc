"""Supervised contrastive learning: an encoder trained end to end from pairs, then a classifier on it.

Khosla, Teterwak, Wang, Sarna, Tian, Isola, Maschinot, Liu & Krishnan, "Supervised contrastive learning", NeurIPS 2020.

Everything before the classifier learns at once, by one loss on a batch's embeddings z = p(h) / |.|, p: a perceptron of
one hidden layer that is thrown away afterwards (Eq. 2):

    L = 1/B Σ_i [ log Σ_{a≠i} exp(z_i·z_a/τ) - 1/|P(i)| Σ_{p∈P(i)} z_i·z_p/τ ],   P(i): the others of i's class

Then the classifier, by cross-entropy on frozen features. ``alignment`` has the objective of ``sufficient_labels`` in
place of L, for the one cut of its paper, everything | classifier:

    maximise  cos( triu G, triu G* ),   G_ij = <φ(h_i), φ(h_j)>,   G*_ij = 1 for one class, 0 for two

Both ask only whether two pictures share a class, so this is what strictly modular learning from pairs is to be held
against: the same supervision, end to end. ``pictures_per_class`` lets the encoder see so many pictures of each class
alone, and all pairs of them: a tenth of the pairs of 1000 a class are those of 316, a hundredth those of 100.

Departures: one view of each picture and the suite's augmentation, where the paper has two and a stronger one, so that
pairs are all that is learned from; the paper's batches are of thousands. τ is the 0.1 of its main results; the
authors' code multiplies the loss by τ/0.07, which the equation does not.
``scale`` multiplies the alignment, as in ``sufficient_labels``.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Method, Phase, heads, losses
from benchmark.errors import UserError

READOUT_SHARE = 1.0  # of the epochs, as of all classifiers that start from nothing


class SupervisedContrastive(Method):
    title = "Supervised contrastive learning"
    paper = "https://arxiv.org/abs/2004.11362"
    authors = "Khosla, Teterwak, Wang, Sarna, Tian, Isola, Maschinot, Liu & Krishnan"
    year = 2020
    citation = {
        "author": (
            "Prannay Khosla and Piotr Teterwak and Chen Wang and Aaron Sarna and Yonglong Tian and Phillip Isola and "
            "Aaron Maschinot and Ce Liu and Dilip Krishnan"
        ),
        "booktitle": "Advances in Neural Information Processing Systems (NeurIPS)",
    }
    family = "end-to-end"
    defaults = {"objective": "contrastive", "temperature": 0.1, "scale": 1.0, "pictures_per_class": None}
    variants = {
        "contrastive": {},
        "contrastive_tenth": {"pictures_per_class": 316},
        "contrastive_hundredth": {"pictures_per_class": 100},
        "alignment": {"objective": "alignment"},
        "alignment_tenth": {"objective": "alignment", "pictures_per_class": 316},
        "alignment_hundredth": {"objective": "alignment", "pictures_per_class": 100},
    }
    tunes = {"temperature": (0.03, 1.0)}
    readout = True
    cut_matters = False

    def auxiliary(self, k: int) -> nn.Module | None:
        """The projection p, above all that learns from pairs."""
        wanted = k == self.last - 1 and self.options.objective == "contrastive"
        return heads.ProjectionHead(self.outputs[k]) if wanted else None

    def phases(self) -> Sequence[Phase]:
        few = self.options.pictures_per_class
        if few is not None and (not isinstance(few, int) or few < 2):
            raise UserError(f"pictures_per_class must be a whole number of at least 2, or null, not {few!r}.")
        encoder = Phase(tuple(range(self.last)), labels="pairs", labels_per_class=few)
        return encoder, Phase((self.last,), share=READOUT_SHARE)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """One loss in each phase."""
        if self.last in self.phase.trains:
            with torch.no_grad():
                h = self.encoded(batch.x)
            yield F.cross_entropy(self.modules[self.last](h), batch.y)
        else:
            yield self.pair_loss(self.encoded(batch.x), batch)

    def encoded(self, x: Tensor) -> Tensor:
        """The output of all modules before the classifier."""
        for module in self.modules[: self.last]:
            x = module(x)
        return x

    def pair_loss(self, h: Tensor, batch: Batch) -> Tensor:
        """The encoder's loss on its output ``h``."""
        k = self.last - 1
        if self.options.objective == "alignment":
            return -self.options.scale * losses.kernel_alignment(heads.kernel_features(self.outputs[k], h), batch.y)
        return losses.supervised_contrastive(self.auxiliaries[k](h), batch.y, self.options.temperature)
