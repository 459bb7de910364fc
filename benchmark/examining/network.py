"""A trained network as examinations see it: arrays go in and come out."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.engine.cutting.units import Features
from benchmark.engine.pictures.data import Splits
from benchmark.engine.pictures.loader import Loader
from benchmark.engine.training.build import build_partition
from benchmark.engine.training.evaluate import evaluating
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import place
from benchmark.errors import UserError
from benchmark.running.cell import builder, labels_consumed
from benchmark.running.keep import moments_after, network_file
from benchmark.running.loaded import Loaded
from benchmark.running.loaders import EVALUATION_BATCH, evaluation_loader
from benchmark.running.networks import epochs_of, restore
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell, Suite

Part = Literal["train", "validation", "test"]
Array = np.ndarray


class Network:
    """The network of one cell, at each of the moments at which it was kept.

    Args:
        suite: by which the cell trained (:func:`benchmark.schema.protocols.effective`).
        folder: of its kept networks.
        record: of its training.
        beside: networks of other cells, that the examination asked for.

    Attributes:
        epochs: after how many epochs it can be shown, in order; 0, as it was drawn, is always there.
        places: names of the places where its outputs are taken, in order: the cut points of the suite's largest K, and
            last what the classifier gets. The same for all methods of a suite and backbone, however they were cut.
    """

    def __init__(
        self,
        cell: Cell,
        suite: Suite,
        loaded: Loaded,
        splits: Splits,
        folder: Path,
        record: Record,
        beside: "Sequence[Network]" = (),
    ) -> None:
        self.cell, self.suite, self.record, self.beside = cell, suite, record, beside
        self.loaded, self.splits, self.folder = loaded, splits, folder
        self.task = loaded.dataset.task
        method = self.drawn()
        kept = moments_after(epochs_of(method, suite), suite)  # files of other moments, asked for once, do not count
        if missing := [epoch for epoch in kept if not network_file(folder, epoch).is_file()]:
            which = f"{record.identity.setting} seed {cell.seed} after {missing[0]} epochs"
            raise UserError(f"There is no network of {which} in {folder}.")
        self.epochs = [0, *kept]
        self._at_hand: tuple[int, Method] | None = None
        names = [of.name for _, of in _taps(method)[:-1]]  # the classifier's output is no place
        wanted = [*self._cuts(), names[-1]]
        self.places = tuple(dict.fromkeys(name for name in wanted if name in names))

    @property
    def hidden_labels(self) -> dict[str, int]:
        """Training pictures by the kind of label that was used of them, by all that comes before the classifier.

        The last module counts, too, unless it is the classifier alone: its blocks are behind what a head is given.
        """
        method = self.drawn()
        classifier = [method.last] if len(method.unit_outputs[method.last]) == 1 else []
        return labels_consumed(method, len(self.splits.train), but_by=classifier)

    def labels(self, part: Part) -> Array:
        """Classes (N,) int64 of all pictures of a part, in stored order."""
        return np.asarray(self.loader(part).labels.cpu().numpy())

    def pictures(self, part: Part, which: Array) -> Array:
        """Normalised pictures (n, C * H * W), float32."""
        batches = self.loader(part).show(torch.from_numpy(which).split(EVALUATION_BATCH))
        return np.concatenate([batch.x.flatten(1).cpu().numpy() for batch in batches])

    def outputs(
        self,
        part: Part,
        which: Array,
        places: Sequence[str] | None = None,
        epoch: int | None = None,
        pooled: bool = True,
    ) -> dict[str, Array]:
        """Outputs of the network in evaluation, by place, float32.

        Args:
            which: numbers (n,) of pictures of the part, which are not augmented; outputs are in their order.
            places: of :attr:`places`; all by default.
            epoch: one of :attr:`epochs`; the last by default.
            pooled: averaged over positions, (n, channels); else all of them, (n, D).

        Raises:
            UserError: outputs are not finite.
        """
        method = self._method(self.epochs[-1] if epoch is None else epoch)
        wanted = self.places if places is None else tuple(places)
        taps = {of.name: (unit, of) for unit, of in _taps(method)}
        seen: dict[str, list[Tensor]] = {name: [] for name in wanted}

        def tap(name: str, of: Features) -> torch.utils.hooks.RemovableHandle:
            def hear(unit: nn.Module, given: tuple[Tensor, ...], h: Tensor) -> None:
                h = of.as_map(h).float().mean((2, 3)) if pooled else h.float().flatten(1)
                heard[name] = h.cpu()

            return taps[name][0].register_forward_hook(hear)

        handles = [tap(name, taps[name][1]) for name in wanted]
        try:
            with evaluating([method.modules, method.auxiliaries]):
                for batch in self.loader(part).show(torch.from_numpy(which).split(EVALUATION_BATCH)):
                    heard: dict[str, Tensor] = {}
                    for _ in method.chain(batch.x):
                        pass
                    for name in wanted:
                        seen[name].append(heard[name])
        finally:
            for handle in handles:
                handle.remove()
        found = {name: torch.cat(parts).numpy() for name, parts in seen.items()}
        if odd := [name for name, h in found.items() if not np.isfinite(h).all()]:
            raise UserError(f"The outputs at {odd[0]} are not finite.")
        return found

    def trained(self) -> Method:
        """The cell's method after its training."""
        return self._method(self.epochs[-1])

    def before_classifier(self) -> tuple[nn.Module, Features]:
        """The unit of :meth:`trained` whose output the classifier gets, and what that output is."""
        return next((u, of) for u, of in _taps(self.trained()) if of.name == self.places[-1])

    def drawn(self) -> Method:
        """The cell's method before its training."""
        return builder(self.cell, self.suite, self.task, self.loaded.method)()

    def _method(self, epoch: int) -> Method:
        """The network after so many epochs; the one that was shown last is kept at hand."""
        if epoch not in self.epochs:
            raise UserError(f"No network was kept after {epoch} epochs; there are of {self.epochs}.")
        if self._at_hand is None or self._at_hand[0] != epoch:
            method = self.drawn()
            if epoch:
                restore(method, network_file(self.folder, epoch))
            self._at_hand = epoch, place(method, torch.device(self.suite.device))
        return self._at_hand[1]

    def _cuts(self) -> tuple[str, ...]:
        with torch.device("meta"):
            of = self.suite.backbone(self.cell.backbone)
            return build_partition(of, self.task, max(self.suite.modules), self.suite.balance, self.cell.seed).cuts

    def loader(self, part: Part) -> Loader:
        """Its pictures, not augmented."""
        return self._loaders[part]

    @cached_property
    def _loaders(self) -> Mapping[Part, Loader]:
        s = self.splits
        parts: dict[Part, Loader] = {}
        for name, pictures in (("train", s.train), ("validation", s.validation), ("test", s.test)):
            parts[name] = evaluation_loader(self.cell, self.suite, self.loaded.dataset, pictures)  # type: ignore[index]
        return parts


def _taps(method: Method) -> list[tuple[nn.Module, Features]]:
    """Units of all modules, in order, and what flows out of each."""
    modules = zip(method.modules, method.unit_outputs, strict=True)
    return [(unit, of) for module, ofs in modules for unit, of in zip(module.children(), ofs, strict=True)]
