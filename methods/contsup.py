"""ContSup: context from the picture and from earlier modules is added where a module begins.

Yu, Zhang, Ma, Wang & Li, "Go beyond end-to-end training: boosting greedy local learning with context supply",
arXiv 2312.07636, 2023.

    h^c_{k-1} = h_{k-1} + M_k(c_k),   h_k = f_k(h^c_{k-1}),   L_k = L_y( head_k(h_k), y ),   k = 1 ... K - 1
    M_k(c_k) = [E] E_k(x)  +  [Rn] Σ_{j=1..n} R_kj( h^c_{k-1-j} )

    E: 3x3 conv to 12, BN, ReLU, 3x3 conv to C, BN, ReLU, average pool to the map;   x: the picture
    R: 1x1 conv to C, BN, ReLU, average pool to the map;   h^c_{k-1-j}: the input of the j-th module before k

All of h_{k-1}, x and h^c is detached: M_k learns from L_k alone. It stays in the deployed network; the heads
(``1c2f``) do not. ``context`` is any of R0 (none: greedy learning), E, R1, R1E, R2, R2E, ...; L_y is
cross-entropy (``softmax``) or the supervised contrastive loss (``contrast``). The last module learns by
cross-entropy.

As in the authors' code, the picture (the first module's input) goes through R only where there is no E; the
networks that it then leaves unused are not built here.

Departures: tokens get the context on the grid of their patches, class and register tokens get none; a vector
gets one of size 1x1. Convolutions before a BatchNorm have no bias, which it would take out. The authors' option of
InfoPro's decoder, which they use for ResNet-110, is left out.
"""

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod, heads
from benchmark.engine.infopro_objective import InfoProObjective
from benchmark.errors import UserError

ENCODER_WIDTH = 12


class ContSup(LocalMethod):
    title = "ContSup"
    paper = "https://arxiv.org/abs/2312.07636"
    authors = "Yu, Zhang, Ma, Wang & Li"
    year = 2023
    citation = {
        "author": "Chengting Yu and Fengzhao Zhang and Hanzhi Ma and Aili Wang and Erping Li",
        "journal": "arXiv preprint arXiv:2312.07636",
    }
    defaults = {"context": "R1E", "task_loss": "softmax"}
    variants = {"r1e": {"context": "R1E"}, "e": {"context": "E"}, "r1": {"context": "R1"}}
    recipe = {"optimizer": "sgd", "lr": 0.8, "batch": 1024, "epochs": 160}
    tunes = {"task_loss": ["softmax", "contrast"]}

    inputs: dict[int, Tensor]  # of the earlier modules, detached, while a later one of this pass reads them

    def earlier(self, k: int) -> range:
        """The modules before ``k`` whose inputs are part of its context."""
        depth, picture = parse_context(self.options.context)
        return range(max(int(picture), k - depth), k)

    def entrance(self, k: int) -> Features:
        """What module ``k``'s input is like."""
        side = self.task.image_size
        return self.outputs[k - 1] if k else Features("", (self.task.channels, side, side), "NCHW")

    def auxiliary(self, k: int) -> nn.Module:
        parts = nn.ModuleDict()
        _, picture = parse_context(self.options.context)
        if k > 0 and (picture or self.earlier(k)):
            earlier = {j: self.entrance(j) for j in self.earlier(k)}
            parts["context"] = Context(self.entrance(k), self.task.channels if picture else 0, earlier)
        if k < self.last:
            parts["objective"] = InfoProObjective(self.outputs[k], self.task, (0, 1), self.options.task_loss)
        return parts

    def context(self, k: int) -> nn.Module | None:
        """The context network in front of module ``k``."""
        return dict(self.auxiliaries[k].named_children()).get("context")

    def enter(self, k: int, h: Tensor, x: Tensor) -> Tensor:
        if k == 0:
            self.inputs = {}
        if context := self.context(k):
            h = context(h, x, self.inputs)
        needed = self.earlier(k + 1) if k < self.last else ()
        self.inputs = {j: seen for j, seen in {**self.inputs, k: h.detach()}.items() if j in needed}
        return h

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return self.auxiliaries[k]["objective"](h, batch)

    def deployed(self) -> Sequence[nn.Module]:
        contexts = [self.context(k) for k in range(len(self.modules))]
        return [self.modules, *(context for context in contexts if context)]


class Context(nn.Module):
    """Adds to a module's input what it can use of the picture and of earlier modules' inputs.

    Args:
        features: of the module's input.
        channels: of the picture; 0 leaves it out.
        earlier: features of the earlier inputs, by module.
    """

    def __init__(self, features: Features, channels: int, earlier: Mapping[int, Features]) -> None:
        super().__init__()
        self.features, self.earlier = features, earlier
        if channels:
            self.encode = nn.Sequential(
                heads.conv_norm_relu(channels, ENCODER_WIDTH),
                heads.conv_norm_relu(ENCODER_WIDTH, features.channels),
                nn.AdaptiveAvgPool2d(features.size),
            )
        self.residual = nn.ModuleDict()
        for j, seen in earlier.items():
            mix = heads.conv_norm_relu(seen.channels, features.channels, kernel=1)
            self.residual[str(j)] = nn.Sequential(mix, nn.AdaptiveAvgPool2d(features.size))
        self.reads_picture = channels > 0

    def forward(self, h: Tensor, x: Tensor, inputs: Mapping[int, Tensor]) -> Tensor:
        """The module's input ``h`` (B, ...) with its context; ``x``: pictures, ``inputs``: earlier ones."""
        if self.reads_picture:
            h = h + self.features.from_map(self.encode(x))
        for j, seen in self.earlier.items():
            h = h + self.features.from_map(self.residual[str(j)](seen.as_map(inputs[j])))
        return h


def parse_context(context: str) -> tuple[int, bool]:
    """How many earlier inputs, and whether the picture, such as (1, True) for R1E; raises UserError."""
    match = re.fullmatch(r"(?:R(\d+))?(E?)", context)
    if not (match and context):
        raise UserError(f"There is no context {context!r}; choose R0 (none), E, R1, R1E, R2, R2E and so on.")
    return int(match[1] or 0), bool(match[2])
