"""What was frozen before training began, by the backbone, its user or the method, stays frozen through all phases.

- A weight whose ``requires_grad`` was off never learns.
- A part that was in eval mode and whose weights were all frozen (the usual way to freeze a BatchNorm with its
  statistics) stays in eval mode. One of the two alone does not do that: statistics of a BatchNorm with frozen weights
  in train mode go on moving, and a network that comes in eval mode is trained.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from benchmark.engine.training.method import Method, Phase


@dataclass(frozen=True)
class Frozen:
    """Names, within a list of modules, of the weights and parts that stay as they are."""

    weights: frozenset[str]
    parts: frozenset[str]


def frozen_in(modules: nn.ModuleList) -> Frozen:
    """What was frozen when this was first asked; remembered by name, as simulations put fake tensors in place."""
    known = vars(modules)
    if "frozen" not in known:
        weights = {name for name, p in modules.named_parameters(remove_duplicate=False) if not p.requires_grad}
        parts = {name for name, part in modules.named_modules() if rests(part)}
        known["frozen"] = Frozen(frozenset(weights), frozenset(parts))
    found: Frozen = known["frozen"]
    return found


def rests(part: nn.Module) -> bool:
    """Whether a part is in eval mode and all of its weights, one at least, are frozen."""
    weights = list(part.parameters())
    return not part.training and bool(weights) and not any(p.requires_grad for p in weights)


def has_frozen_weights(method: Method) -> bool:
    """Whether some weight never learns, so that a loss may hang on none that does."""
    return any(frozen_in(parts).weights for parts in (method.modules, method.auxiliaries))


def set_learning(method: Method, phase: Phase) -> None:
    """Modules of the phase learn, in train mode, but for what was frozen; all others are frozen, in eval mode."""
    both = [(parts, frozen_in(parts)) for parts in (method.modules, method.auxiliaries)]
    for k in range(len(method.modules)):
        for parts, frozen in both:
            parts[k].train(k in phase.trains)
            for name, weight in parts[k].named_parameters():
                weight.requires_grad_(k in phase.trains and f"{k}.{name}" not in frozen.weights)
            for part in _parts_of(parts, k, frozen):
                part.eval()


def _parts_of(parts: nn.ModuleList, k: int, frozen: Frozen) -> Iterator[nn.Module]:
    return (parts.get_submodule(name) for name in frozen.parts if name == str(k) or name.startswith(f"{k}."))
