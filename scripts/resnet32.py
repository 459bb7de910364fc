"""The network on which the scripts measure cost: CIFAR ResNet-32, batch 128, at the cuts of InfoPro's code."""

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmark.engine.load import load_method
from benchmark.engine.training.build import build_method
from benchmark.engine.training.method import Method
from benchmark.planning.network import CIFAR as TASK
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import Backbone, Suite

BACKBONE, SIZE = "cifar_resnet32", 128
RECIPE = Recipe(epochs=160, batch=SIZE, lr=0.1)
BLOCKS = [f"layer{stage}.{block}" for stage in (1, 2, 3) for block in range(5)]
CUTS = {4: ["layer1.2", "layer2.1", "layer3.0"], 16: ["act1", *BLOCKS[:-1]]}
MODULES = (4, 16)


def builder(name: str, k: int) -> Callable[[], Method]:
    """Builds a method, in its first variant, on a fresh network, cut into ``k`` modules at the paper's places."""
    method: type[Method] = load_method(name)
    options: dict[str, Any] = dict(next(iter(method.variants.values()), {}))
    suite = Suite.model_construct(balance="memory")
    return partial(build_method, method, options, suite, Backbone(name=BACKBONE, cuts=CUTS), TASK, k, 0)
