"""How a module ends: what it computes, apart from the ReLU that comes last."""

from torch import Tensor, nn

from benchmark.engine.objectives.autocast import widened


def before_relu(module: nn.Module, h: Tensor) -> tuple[Tensor, bool]:
    """What a module makes of ``h`` before the ReLU that it ends in (else: its output), and whether it ends in one."""
    entered: dict[nn.Module, Tensor] = {}
    left: dict[nn.Module, Tensor] = {}

    def enter(part: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
        entered[part] = args[0]
        return (args[0].clone(),)  # which one that works in place may overwrite

    relus = [part for part in module.modules() if isinstance(part, nn.ReLU)]
    hooks = [part.register_forward_pre_hook(enter) for part in relus]
    hooks += [part.register_forward_hook(lambda part, args, out: left.update({part: out})) for part in relus]
    try:
        for unit in module.children():
            h = unit(h)
    finally:
        for hook in hooks:
            hook.remove()
    last = next((part for part in relus if left.get(part) is h), None)
    return (widened(h), False) if last is None else (widened(entered[last]), True)
