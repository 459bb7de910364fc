"""How a suite trains: the part of a protocol that every method of the suite shares."""

from pydantic import Field

from benchmark.schema.plain import Strict


class Recipe(Strict):
    """Budget, batch, optimiser and learning-rate schedule; one optimiser per module, all alike.

    The schedule is a cosine from ``lr`` to zero over the epochs of a phase, after a linear warm-up from
    ``warmup_lr``; it moves once a step. Weight decay falls on every parameter, biases and normalisation
    included, as in the CIFAR papers of this field (InfoPro, DGL, kerNET).
    """

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0, description="pictures a step")
    optimizer: str = Field(default="sgd", description="name for timm's create_optimizer_v2; sgd is Nesterov's")
    lr: float = Field(gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    warmup_epochs: float = Field(default=0, ge=0)
    warmup_lr: float = Field(default=0.01, ge=0)
