"""How a suite trains: the part of a protocol that every method of the suite shares."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from benchmark.schema.plain import Strict

Precision = Literal["fp32", "tf32", "bf16"]
Recompute = Literal["none", "units"]
Schedule = Literal["cosine", "steps", "constant"]
Norms = Literal["local", "synchronised"]
Objectives = Literal["local", "gathered"]


def _unless_said(default: Any, **rules: Any) -> Any:
    """A key that earlier recipes lack: its default is left out of the facts, whose fingerprints then stay."""
    return Field(default=default, exclude_if=lambda value: value == default, **rules)


class Recipe(Strict):
    """Budget, batch, optimiser, learning-rate schedule and precision; one optimiser per module, all alike.

    The schedule is a ``cosine`` from ``lr`` to zero over the epochs of a phase, ``constant``, or ``steps``: ``lr``
    times ``gamma`` from each of the ``milestones`` on, which are fractions of the phase's epochs. A linear warm-up from
    the fraction ``warmup_start`` of ``lr`` replaces its first ``warmup_epochs``. It moves once a step. Weight decay
    falls on every parameter, biases and normalisation included, as in the CIFAR papers of this field (InfoPro, DGL,
    kerNET), unless ``decay_norms`` is off. With ``clip_norm`` each module's gradient is clipped by itself, as no module
    may know the gradient of another.

    With ``parts`` the gradient of a batch is the mean of those of so many equal parts of it, made one after the other
    (gradient accumulation) or in as many processes. BatchNorm and the objectives that compare pictures then see a part
    alone (``local``), unless ``norms`` are ``synchronised`` and ``objectives`` ``gathered``, for which all parts must
    be made at once. Without ``parts`` they see the whole batch, however many processes share it
    (:mod:`benchmark.engine.training.averaging`).

    With ``recompute: units`` the blocks of modules are computed again in the backward pass, which saves memory for a
    forward pass more, and changes no bit (:mod:`benchmark.engine.training.recompute`).

    ``rand_augment`` changes pictures that stay in their files (:mod:`benchmark.engine.pictures.stream`). ``mixup`` and
    ``cutmix`` mix pictures of a batch, one of the two by a coin where both are asked for, and make soft labels, as
    ``label_smoothing`` does; methods whose losses are no cross-entropies refuse these
    (:mod:`benchmark.engine.pictures.soft_labels`).

    In ``tf32`` CUDA may round what convolutions and matrix products of training are given; in ``fp32`` it may not.
    In ``bf16`` the forward passes of training run under autocast; weights, their gradients, optimisers and all
    evaluation stay in fp32 (:mod:`benchmark.engine.training.precision`).
    """

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0, description="pictures a step")
    optimizer: str = Field(default="sgd", description="name for timm's create_optimizer_v2; sgd is Nesterov's")
    lr: float = Field(gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    warmup_epochs: float = Field(default=0, ge=0)
    warmup_start: float = Field(default=0.1, ge=0, le=1, description="fraction of lr at which a warm-up begins")

    schedule: Schedule = _unless_said("cosine")
    milestones: list[float] | None = _unless_said(None, description="ascending fractions of a phase's epochs")
    gamma: float | None = _unless_said(None, gt=0, le=1, description="what lr is multiplied by at each milestone")
    decay_norms: bool = _unless_said(True, description="weight decay on biases and normalisation, too")
    clip_norm: float | None = _unless_said(None, gt=0, description="largest norm of the gradient of one module")
    precision: Precision = _unless_said("fp32")
    recompute: Recompute = _unless_said("none", description="what units hold, in the backward pass")
    parts: int = _unless_said(1, gt=0, description="equal parts of a batch whose gradients are averaged")
    norms: Norms = _unless_said("local", description="whether BatchNorm sees a part alone, or all of the batch")
    objectives: Objectives = _unless_said("local", description="the same of objectives that compare pictures")
    rand_augment: int | None = _unless_said(None, ge=0, le=30, description="magnitude of RandAugment's two operations")
    mixup: float | None = _unless_said(None, gt=0, description="α of the Beta distribution of the share of a picture")
    cutmix: float | None = _unless_said(None, gt=0, description="the same of the share of its area")
    label_smoothing: float | None = _unless_said(None, gt=0, lt=1, description="weight that all classes share")

    @model_validator(mode="before")
    @classmethod
    def _refuse_an_absolute_rate(cls, said: Any) -> Any:
        """An absolute rate fits one ``lr`` alone: under AdamW's 1e-3 a warm-up from 0.01 would lead downwards."""
        if isinstance(said, dict) and "warmup_lr" in said:
            raise ValueError("there is no warmup_lr: say warmup_start, the fraction of lr at which the warm-up begins")
        return said

    @model_validator(mode="after")
    def _steps_have_milestones(self) -> Self:
        if self.schedule == "steps" and not (self.milestones and self.gamma):
            raise ValueError(
                "schedule: steps needs milestones (fractions of the epochs) and gamma (the factor of lr at each), "
                "such as milestones: [0.5, 0.75] and gamma: 0.1"
            )
        said = [name for name in ("milestones", "gamma") if getattr(self, name) is not None]
        if self.schedule != "steps" and said:
            raise ValueError(f"{said[0]} belongs to schedule: steps, and the schedule is {self.schedule}")
        if self.milestones and any(a >= b for a, b in pairwise([0.0, *self.milestones, 1.0])):
            raise ValueError(f"milestones are ascending fractions between 0 and 1, and these are {self.milestones}")
        return self

    @model_validator(mode="after")
    def _parts_are_equal(self) -> Self:
        if self.batch % self.parts:
            raise ValueError(f"a batch of {self.batch} cannot be made in {self.parts} equal parts")
        if self.parts == 1 and (self.norms, self.objectives) != ("local", "local"):
            raise ValueError("norms and objectives are of parts; without parts they are of the whole batch anyway")
        return self

    @property
    def mixes(self) -> bool:
        """Whether a batch is more than its pictures one by one."""
        return bool(self.mixup or self.cutmix)

    @property
    def warmup_lr(self) -> float:
        """The rate at which a warm-up begins.

        Multiplied as the numbers are written: in binary a tenth of 0.1 is 0.010000000000000002, and 0.01 is what
        trained the records.
        """
        return float(Decimal(str(self.lr)) * Decimal(str(self.warmup_start)))

    def epochs_of(self, share: float) -> int:
        """Epochs of a phase that has this share of them; at least one."""
        return max(1, round(self.epochs * share))

    def changed(self, changes: Mapping[str, Any]) -> "Recipe":
        """The recipe with other values for some of its fields.

        Raises:
            ValidationError: a value is none of its field's.
        """
        return Recipe.model_validate(self.model_dump() | dict(changes))

    def lasting(self, times: float) -> "Recipe":
        """The recipe with its epochs, and those of the warm-up, so many times as long; at least one epoch."""
        return self.changed({"epochs": max(1, round(self.epochs * times)), "warmup_epochs": self.warmup_epochs * times})

    def facts(self) -> dict[str, Any]:
        """What decides the numbers, in the words of earlier versions, under which finished cells are kept."""
        return self.model_dump(mode="json", exclude={"warmup_start"}) | {"warmup_lr": self.warmup_lr}
