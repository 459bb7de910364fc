"""Direct random target projection: each module is sent its label, not an error, through a fixed random matrix.

Frenkel, Lefebvre & Bol, "Learning without feedback: Fixed random learning signals allow for feedforward training of
deep neural networks", Frontiers in Neuroscience 2021.

    w_k moves along  (∂n(h_k) / ∂w_k)ᵀ B_k (y* - 1/C),   k = 0 ... K - 2

y*: the one-hot label, of C classes; B_k is drawn once and never trained. The label stands for the sign of the error,
and is there before the forward pass: a module learns as soon as it has run, so the update lock is gone, too, which
direct feedback alignment (``dfa``) keeps. The last module learns by cross-entropy.

The signal never vanishes, however right the network is. In the paper's networks a tanh bounds what it can do; ours have
none, so it enters behind n, a layer norm over all of a picture's features, without parameters.

Departures: n; the label is centred, as its mean would push all pictures in one direction; a module is what the suite
cuts, and inside it true gradients flow, where the paper makes every layer one; B_k is that of ``dfa`` (their code:
uniform). A hidden module's gradient is the mean over the batch, as everywhere here; their code has its sum, to which
the rate of ``recipe`` belongs: here it steps less far, by the number of pictures in a batch (100 in theirs).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, feedback


class DRTP(LocalMethod):
    title = "Direct random target projection"
    paper = "https://arxiv.org/abs/1909.01311"
    authors = "Frenkel, Lefebvre & Bol"
    year = 2021
    citation = {
        "author": "Charlotte Frenkel and Martin Lefebvre and David Bol",
        "journal": "Frontiers in Neuroscience",
    }
    descends = False
    # of their code, by default
    recipe = {"optimizer": "sgd", "lr": 1e-4, "momentum": 0.9, "weight_decay": 0.0, "batch": 100, "epochs": 100}

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else feedback.RandomFeedback(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        target = F.one_hot(batch.y, self.task.classes).to(h.dtype) - 1 / self.task.classes
        return (F.layer_norm(h, h.shape[1:]) * self.auxiliaries[k](target)).sum() / len(batch)
