"""Networks under names of our own, which timm then builds as it builds its own."""

from collections.abc import Callable
from typing import Any

from timm.models import register_model
from torch import nn

from benchmark.errors import UserError

__all__: list[str] = ["register"]  # timm adds the names that it registers


def register(name: str, build: Callable[..., nn.Module]) -> None:
    """Let ``timm.create_model(name, num_classes=..., in_chans=..., **kwargs)`` call ``build``; it has no weights."""

    def entrypoint(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        for unused in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
            kwargs.pop(unused, None)  # timm hands them to every entry point
        if pretrained:
            raise UserError(f"There are no pretrained weights for {name}; leave pretrained out.")
        return build(**kwargs)

    entrypoint.__name__ = entrypoint.__qualname__ = name
    globals()[name] = register_model(entrypoint)
