"""A network that no suite names: a backbone of timm, the size of its pictures, and the trainings that it can have."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmark.engine.cutting.backbone import PAPER_NETS, SMALL_RESNETS
from benchmark.engine.pictures.data import Task
from benchmark.errors import UserError
from benchmark.planning.simulated import Training, simulate_all
from benchmark.schema.plugins import METHODS, broken_methods, method_metadata, plugin_ids, plugin_path
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import CHECKPOINTING, NAME, TWIN, Backbone
from benchmark.schema.text import printable

CIFAR = Task(10, 32, 3, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
IMAGENET = Task(1000, 224, 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
MODULES = (2, 4, 8, 16)


@dataclass(frozen=True)
class Network:
    """A backbone for square pictures of ``image`` pixels; 1000 classes, or 10 of the small networks of the papers.

    It trains in fp32 by SGD with momentum, which keeps one number more for each parameter; AdamW would keep two.

    Raises:
        UserError: so called is no backbone, or there are no such pictures.
    """

    backbone: str
    image: int

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.backbone):
            said = printable(repr(self.backbone), 80)
            raise UserError(f"{said} is no name of a backbone; give one that timm knows, such as resnet50.")
        _check_number("--image", self.image, 4096)

    @property
    def task(self) -> Task:
        """What its methods know of the problem."""
        like = CIFAR if self.backbone in SMALL_RESNETS or self.backbone in PAPER_NETS else IMAGENET
        return Task(like.classes, self.image, like.channels, like.mean, like.std)

    def trainings(
        self, methods: Iterable[str], modules: Sequence[int], batch: int, further: tuple[int, ...] = ()
    ) -> Iterator[Training]:
        """Every method in its first variant, once where the cut changes nothing; the end-to-end twin comes first."""
        for method in sorted({TWIN, *methods}, key=lambda name: (name != TWIN, name)):
            said = method_metadata(plugin_path(METHODS, method))
            variant, options = next(iter(said["variants"].items()), ("", {}))
            for k in modules if said["cut_matters"] else [1]:
                yield Training(
                    method=method,
                    variant=variant,
                    options=options,
                    backbone=Backbone(name=self.backbone),
                    balance="memory",
                    recipe=recipe_of(batch),
                    task=self.task,
                    modules=k,
                    batch=batch,
                    further=further,
                )


def recipe_of(batch: int) -> Recipe:
    """By which a network trains that no suite names.

    Raises:
        UserError: that is no number of pictures.
    """
    _check_number("--batch", batch, 1_000_000)
    return Recipe(epochs=1, batch=batch, lr=0.1)


def _check_number(what: str, number: int, most: int) -> None:
    if not 2 <= number <= most:
        raise UserError(f"{what} {number} cannot be simulated; give a whole number from 2 to {most:,}.")


def methods_asked(names: Sequence[str] | None) -> list[str]:
    """The methods of these names, beside the two references; without names, all whose files can be read.

    Raises:
        UserError: there is none of such a name.
    """
    if not names:
        return plugin_ids(METHODS, broken_methods())
    return [TWIN, CHECKPOINTING, *(plugin_path(METHODS, name).stem for name in names)]


def check_network(network: Network, batch: int) -> None:
    """Simulate the end-to-end twin alone, before all others.

    Raises:
        UserError: the batch is too small or a slip of the pen, or the backbone cannot be built or cut.
    """
    (twin,) = simulate_all(list(network.trainings([], [1], batch)), "Planning")
    if twin.note:
        raise UserError(twin.note)
