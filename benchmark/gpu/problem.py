"""What is timed and weighed: a network, pictures and a number of modules; small on a CPU, where it shows the way."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmark.engine import golden
from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.pictures.data import Batch, Task
from benchmark.engine.training.build import build_method
from benchmark.engine.training.method import Method
from benchmark.planning.network import CIFAR, IMAGENET
from benchmark.planning.random_batch import random_batch
from benchmark.schema.recipe import Precision, Recipe
from benchmark.schema.suite import Backbone, Suite

DIGITS = load_dataset(golden.SUITE.dataset).task


@dataclass(frozen=True)
class Problem:
    """Random pictures of a task, ``batch`` a step, on a network cut into ``modules``."""

    backbone: str
    task: Task
    batch: int
    modules: int = 1

    @property
    def name(self) -> str:
        """Such as ``resnet50, 224 px, batch 128``."""
        return f"{self.backbone}, {self.task.image_size} px, batch {self.batch}"

    def builder(self, method: str) -> Callable[[], Method]:
        """Makes a method, in its first variant, on the network."""
        kind = load_method(method)
        options = next(iter(kind.variants.values()), {})
        suite = Suite.model_construct(balance="memory")
        k = self.modules if kind.cut_matters else 1
        return partial(build_method, kind, options, suite, Backbone(name=self.backbone), self.task, k, 0)

    def recipe(self, precision: Precision = "fp32") -> Recipe:
        """SGD with momentum, gently."""
        return Recipe(epochs=1, batch=self.batch, lr=0.01, precision=precision)

    def pictures(self, device: str, views: int = 1) -> Batch:
        """A batch on the device, the same on every one."""
        return random_batch(self.task, self.batch, device, views)


PROBLEMS = {"cuda": Problem("cifar_resnet32", CIFAR, 128, 4), "cpu": Problem("cifar_resnet8", DIGITS, 32, 2)}
PLAIN = {
    "cuda": [
        Problem("cifar_resnet32", CIFAR, 128),
        Problem("cifar_resnet110", CIFAR, 1024),
        Problem("resnet50", IMAGENET, 128),
    ],
    "cpu": [Problem("cifar_resnet8", DIGITS, 32)],
}
