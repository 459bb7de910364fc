"""The pictures of a cell: batches to train on, to validate, to probe and to be judged on."""

from functools import partial

from benchmark.engine.measuring.probe import TRAIN_PICTURES
from benchmark.engine.objectives.process_group import ProcessGroup
from benchmark.engine.pictures.data import Dataset, Pictures, Splits, stratified_order
from benchmark.engine.pictures.files import PictureFiles
from benchmark.engine.pictures.loader import Loader
from benchmark.engine.pictures.stream import loader_of
from benchmark.engine.training.method import Method
from benchmark.engine.training.seeding import derive_seed
from benchmark.running.cores import cores
from benchmark.schema.suite import Cell, Suite

EVALUATION_BATCH = 500
READERS = 12  # of a GPU: more than that wait for each other


def build_loaders(
    cell: Cell, suite: Suite, dataset: Dataset, splits: Splits, method: Method, group: ProcessGroup | None = None
) -> dict[str, Loader]:
    """Loaders of the splits; the order of training batches hangs on (suite, seed) alone.

    Each process of a group has its share of the training batches.
    """
    seed = derive_seed("data", cell.suite, cell.seed)
    evaluation = partial(evaluation_loader, cell, suite, dataset)
    probe = splits.train.at(stratified_order(splits.train.labels)[:TRAIN_PICTURES])
    train = loader_of(
        splits.train,
        dataset,
        suite.recipe.batch,
        device=suite.device,
        seed=seed,
        train=True,
        views=method.views,
        workers=readers(suite.device),
    ).following(suite.recipe)
    return {
        "train": train.shared(group.rank, group.size) if group else train,
        "validation": evaluation(splits.validation),
        "probe": evaluation(probe),
    }


def evaluation_loader(cell: Cell, suite: Suite, dataset: Dataset, pictures: Pictures | PictureFiles) -> Loader:
    """Pictures to be evaluated on, in a shuffle that hangs on (suite, seed): the same for all methods, every time."""
    seed = derive_seed("evaluation", cell.suite, cell.seed)
    device = suite.device
    return loader_of(
        pictures, dataset, EVALUATION_BATCH, device=device, seed=seed, train=False, workers=readers(device)
    )


def readers(device: str) -> int:
    """Processes that read the pictures which stay in their files; a cell on a processor has one core, and no others."""
    return min(READERS, cores()) if device == "cuda" else 0
