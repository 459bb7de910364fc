"""What a frozen network makes of the pictures of other tasks, which are the same for all networks of a suite."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.objectives.heads import kernel_features
from benchmark.engine.objectives.losses import kernel_alignment
from benchmark.engine.pictures.data import Pictures, data_root, group_of, in_memory, parted, stratified_order
from benchmark.engine.pictures.stream import loader_of
from benchmark.engine.training.evaluate import evaluating
from benchmark.engine.training.seeding import derive_seed
from benchmark.examining.alone import answers_after
from benchmark.examining.network import Network
from benchmark.running.cell import builder
from benchmark.running.loaded import dataset_of
from benchmark.running.loaders import EVALUATION_BATCH, evaluation_loader
from benchmark.running.weights import named
from benchmark.schema.suite import TWIN, Suite


@dataclass(frozen=True)
class Pool:
    """Pictures of all classes that targets are made of, under the data set's own labels.

    ``train`` is for scores and heads, from the end of the order in which sources take theirs: where the suite has a
    limit, no source saw them. ``test`` is for the truth: the whole test split.
    """

    train: Pictures
    test: Pictures


@dataclass(frozen=True)
class Outputs:
    """Of a network on N pictures: what its classifier gets (N, D), the survey's φ (N, D'), probabilities (N, C)."""

    features: NDArray
    kernel: NDArray
    probabilities: NDArray


@cache
def _whole(dataset: str) -> tuple[Pictures, Pictures]:
    train, test, _ = load_dataset(dataset).load(data_root())
    return in_memory(train), in_memory(test)


def pool(suite: Suite, per_task: int) -> Pool:
    """Pictures for targets: of each class as many as a task of two classes needs.

    Args:
        per_task: pictures of a task to score, and to train a head on.

    Raises:
        UserError: the pictures stay in their files, and cannot be shared out.
    """
    train, test = _whole(suite.dataset)
    rest, _ = parted(train.labels, suite.validation)
    last = rest.flip(0)
    classes = train.labels[last]
    chosen = torch.cat([last[classes == c][: -(-per_task // 2)] for c in classes.unique()])
    return Pool(train.at(chosen), test)


def of_task(labels: Tensor, groups: Sequence[Sequence[int]], limit: int | None = None) -> tuple[Tensor, Tensor]:
    """Numbers (n,) of a task's pictures, and their groups (n,): at most ``limit``, in proportion of its classes."""
    order = stratified_order(labels)
    group = group_of(labels, groups)
    kept = order[group[order] >= 0][:limit]
    return kept, group[kept]


def outputs(network: Network, pictures: Pictures) -> Outputs:
    """What a trained network makes of pictures, which are not augmented."""
    method, (unit, of) = network.trained(), network.before_classifier()
    loader = evaluation_loader(network.cell, network.suite, network.loaded.dataset, pictures)
    heard: list[Tensor] = []
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    handle = unit.register_forward_hook(lambda unit, given, h: heard.append(h))
    try:
        with evaluating([method.modules, method.auxiliaries]):
            for batch in loader.show(torch.arange(len(pictures)).split(EVALUATION_BATCH)):
                logits = method.predict(batch.x)
                h = heard.pop().float()
                parts.append((of.as_map(h).mean((2, 3)), kernel_features(of, h), logits.float().softmax(1)))
    finally:
        handle.remove()
    features, kernel, probabilities = (torch.cat(list(part)).cpu().numpy() for part in zip(*parts, strict=True))
    return Outputs(features, kernel, probabilities)


def alignment(kernel: NDArray, labels: NDArray) -> float:
    """The survey's proxy objective of φ (N, D) and labels (N,): ``losses.kernel_alignment`` over all pairs at once."""
    return float(kernel_alignment(torch.from_numpy(kernel).double(), torch.from_numpy(labels)))


def finetuned(network: Network, target: str, shown: Pictures, judged: Pictures, epochs: int) -> NDArray:
    """Groups (N,) of the judged pictures, by the whole network after end-to-end training on those shown.

    Weights begin as the source's, but for the classifier's, which are drawn anew. By the suite's recipe.

    Args:
        target: the backbone's key of the target task.
        shown, judged: pictures of the target, under its groups.

    Raises:
        Diverged: a loss is not finite.
    """
    suite, dataset = network.suite, dataset_of(network.suite, target)
    cell = network.cell.model_copy(update={"method": TWIN, "variant": "", "modules": 1, "backbone": target})
    method = builder(cell, suite, dataset.task, load_method(TWIN), {})()
    learned = named(network.trained(), network.cell, suite)
    units = [unit for module in method.modules for unit in module.children() if unit.state_dict()]
    for unit in units[:-1]:  # the last one that has weights is the classifier
        unit.load_state_dict({name: learned[name] for name in unit.state_dict()})
    seed = derive_seed("finetuning", cell.suite, cell.seed)
    loader = loader_of(shown, dataset, suite.recipe.batch, device=suite.device, seed=seed, train=True, workers=0)
    recipe = suite.recipe_of_twin.lasting(epochs / suite.recipe_of_twin.epochs)
    test = evaluation_loader(cell, suite, dataset, judged)
    return answers_after(method, recipe, loader, test, suite.device, seed)
