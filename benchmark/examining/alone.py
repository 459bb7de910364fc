"""A network that learns end to end from a few labelled pictures and nothing else."""

from math import ceil

import numpy as np
import torch

from benchmark.engine.pictures.data import Pictures
from benchmark.engine.pictures.loader import Loader
from benchmark.engine.pictures.stream import loader_of
from benchmark.engine.training.evaluate import split_logits
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import place
from benchmark.engine.training.seeding import derive_seed
from benchmark.engine.training.train import train_phase
from benchmark.errors import UserError
from benchmark.examining.network import Network
from benchmark.schema.recipe import Recipe


def trained_alone(network: Network, which: np.ndarray, steps: int, draw: int) -> np.ndarray:
    """Classes (N,) that the cell's method, from its initial weights, gives the test pictures after so many steps.

    The suite's recipe, its schedule stretched over the steps; a batch is at most all pictures. Augmented as in the
    suite's training.

    Raises:
        UserError: pictures stay in their files.
        Diverged: a loss is not finite.
    """
    pictures = network.splits.train
    if not isinstance(pictures, Pictures):
        raise UserError("Training on a few pictures alone needs pictures that are kept in memory; set `steps: 0`.")
    cell, suite = network.cell, network.suite
    few = torch.from_numpy(which)
    batch = min(suite.recipe.batch, len(few))
    repeated = few.repeat(ceil(steps * batch / len(few)))[: steps * batch]
    seed = derive_seed("alone", cell.suite, cell.seed, draw, len(few))
    loader = loader_of(
        pictures.at(repeated), network.loaded.dataset, batch, device=suite.device, seed=seed, train=True, workers=0
    )
    one_epoch = suite.recipe.lasting(1 / suite.recipe.epochs)  # it holds the whole training
    recipe = one_epoch.changed({"batch": batch})
    return answers_after(network.drawn(), recipe, loader, network.loader("test"), suite.device, seed)


def answers_after(method: Method, recipe: Recipe, shown: Loader, judged: Loader, device: str, seed: int) -> np.ndarray:
    """Classes (N,) that a method gives the pictures ``judged`` once it has learned from those ``shown``.

    Raises:
        Diverged: a loss is not finite.
    """
    place(method, torch.device(device))
    torch.manual_seed(seed)
    for phase in method.phases():
        train_phase(method, phase, shown, recipe, lambda: None)
    return np.asarray(split_logits(method, judged, "test").argmax(1).cpu().numpy())
