"""Layer roles: what each module keeps of the picture and says of the class, as training goes on.

Sakamoto & Sato, "End-to-end training induces information bottleneck through layer-role differentiation", TMLR 2024: the
layers of a network that is trained end to end take different roles; trained layer by layer they are all pressed to say
the class, and lose early what later ones need of the picture.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from benchmark.examining.estimators.dependence import KERNELS, gram, nhsic, projection
from benchmark.examining.estimators.likeness import batch_grams, cka_map
from benchmark.examining.estimators.probes import probe_accuracy
from benchmark.examining.examination import Examination, Picture, Sat
from benchmark.examining.rows import ROW, by_row, mean_and_half, row_of, said
from benchmark.schema.plain import Strict
from benchmark.schema.record import Part
from benchmark.schema.suite import TWIN, Cell

if TYPE_CHECKING:
    from benchmark.examining.network import Network


class Options(Strict):
    """What a suite may say."""

    pictures: int = Field(default=1000, ge=8, le=5000)  # of the validation split, for nHSIC: its one sample size
    batch: int = Field(default=250, ge=4, le=5000)  # pictures of a Gram matrix of CKA
    batches: int = Field(default=4, ge=1, le=1000)  # of them
    probe: int = Field(default=2000, ge=10, le=100_000)  # training pictures that a probe learns from


class Moment(Part):
    """What is found after so many epochs; each list is by place."""

    epoch: int
    picture: dict[str, list[float]]  # kernel -> nHSIC of the outputs with the picture
    label: dict[str, list[float]]  # kernel -> nHSIC of the outputs with the class
    probe: list[float]  # percent of the validation split


class Block(Part):
    """What is found of one cell."""

    places: list[str]
    ends: list[str]  # those of the places where a module of the cell ends
    epochs: int  # of all phases
    pictures: int  # the sample size of nHSIC
    chance: float  # percent: the largest class's share of the validation split
    moments: list[Moment]
    cka_own: list[list[float | None]]  # between places of this network, at the end
    other: str | None  # whose network it is compared with: the end-to-end twin's, or of the twin one of another seed
    cka_other: list[list[float | None]] | None  # this network's places -> the other's


class Roles(Examination[Options, Block]):
    title = "Layer roles"
    version = 2  # 1 took the first pictures as they are stored, which may be of one class
    lead = (
        "What does each module keep of the picture, and what does it say of the class, as training goes on? Sakamoto & "
        "Sato (2024) find that layers take different roles when they learn end to end, and that layer-wise training "
        "makes all of them say the class, and compress too early. Here all networks have one backbone, initial weights "
        "and order of data by seed, and are looked at in the same places, however they were cut."
    )
    notes = (
        "Information plane: nHSIC = tr(R_x R_z), R = K(K + εmI)⁻¹ of centred Gram matrices, ε = 1e-5, σ = 5, in "
        "float64, on one sample of the validation split, the same for all networks; it grows with the sample's size m, "
        "which stands in the table, and compares only within it. Two kernels: “gaussian”, exp(-d²/(2σ²D)), as the "
        "paper says, and “authors”, exp(-d/(2σ²D)), as its code has it.",
        "Probes: a ridge classifier on standardised outputs averaged over positions, its penalty chosen on the "
        "training pictures, judged on the validation split. Epoch 0 is the untrained network: what a probe reads there "
        "no training put in. The dashed line is chance. A probe describes; a low one early in the network is no fault.",
        "CKA: linear kernel, the unbiased minibatch estimator (Nguyen et al. 2021), on whole outputs; near 0 for "
        "unrelated features, and not clipped. Its ceiling is what two end-to-end networks of different seeds have in "
        "common (row `e2ebp`); its floor what such a network has in common with the one that it began as (row "
        "`untrained`). Rows of `similarity_matching` say how close its features come to backpropagation's (Bahroun et "
        "al. 2023), from pairs and without labels.",
    )
    columns: ClassVar = {
        **ROW,
        "epoch": ("Epoch", "epochs that were trained by then, of all phases"),
        "share": ("Share", "of the training that was over by then; 1 at its end"),
        "place": ("Place", "after which part of the backbone"),
        "depth": ("Depth", "number of the place, from 1 on"),
        "probe_pct": ("Probe, %", "validation accuracy of a linear probe, mean over seeds"),
        "probe_half_pct": ("±", "half of the 95 % t interval over seeds"),
        "untrained_pct": ("Untrained, %", "the same before any training"),
        "chance_pct": ("Chance, %", "the largest class's share"),
        **{
            name: words
            for kernel in KERNELS
            for of in ("picture", "label")
            for name, words in (
                (f"{of}_{kernel}", (f"nHSIC with the {of}, {kernel}", f"dependence on the {of}; kernel {kernel}")),
                (f"{of}_{kernel}_half", ("±", "half of the 95 % t interval over seeds")),
            )
        },
        "pictures": ("m", "pictures that nHSIC is of"),
        "cka_e2ebp": ("CKA with e2ebp", "with the end-to-end network in the same place, at the end; mean over seeds"),
        "n": ("Seeds", "networks"),
    }
    takes = Options
    finds = Block

    def beside(self, cell: Cell, cells: Sequence[Cell]) -> Sequence[Cell]:
        """The end-to-end twin of the seed; of the twin itself, that of the next seed, if there is one."""
        twins = [c for c in cells if c.method == TWIN and c.backbone == cell.backbone and not c.times]
        twins = sorted((c for c in twins if c.recipe == cell.recipe), key=lambda c: c.seed)
        if cell.method != TWIN:
            return [c for c in twins if c.seed == cell.seed]
        others = [c for c in twins if c.seed > cell.seed] + [c for c in twins if c.seed < cell.seed]
        return others[:1]

    def examine(self, network: "Network", options: Options) -> Block:
        truth = network.labels("validation")
        sample = of_all_classes(truth, options.pictures)
        classes = np.eye(truth.max() + 1)[truth[sample]]
        pictures = network.pictures("validation", sample)
        known = {k: (projection(gram(pictures, k)), projection(gram(classes, k))) for k in KERNELS}
        moments = [self._moment(network, options, epoch, sample, known) for epoch in network.epochs]
        own = self._grams(network, options)
        other = network.beside[0] if network.beside else None
        its = self._grams(other, options) if other else {}
        modules = network.record.cuts or []
        return Block(
            places=list(network.places),
            ends=[place for place in network.places if place in modules or place == network.places[-1]],
            epochs=network.epochs[-1],
            pictures=len(sample),
            chance=100 * float(np.bincount(truth).max() / len(truth)),
            moments=moments,
            cka_own=cka_map([own[p] for p in network.places], [own[p] for p in network.places]),
            other=f"{other.record.identity.setting} seed {other.cell.seed}" if other else None,
            cka_other=cka_map([own[p] for p in network.places], [its[p] for p in other.places]) if other else None,
        )

    def _moment(self, network: "Network", options: Options, epoch: int, sample: np.ndarray, known: Any) -> Moment:
        outputs = network.outputs("validation", sample, epoch=epoch, pooled=False)
        picture: dict[str, list[float]] = {kernel: [] for kernel in KERNELS}
        label: dict[str, list[float]] = {kernel: [] for kernel in KERNELS}
        for place in network.places:
            for kernel in KERNELS:
                of_outputs = projection(gram(outputs[place], kernel))
                picture[kernel].append(nhsic(known[kernel][0], of_outputs))
                label[kernel].append(nhsic(known[kernel][1], of_outputs))
        return Moment(epoch=epoch, picture=picture, label=label, probe=self._probes(network, options, epoch))

    def _probes(self, network: "Network", options: Options, epoch: int) -> list[float]:
        labels, truth = network.labels("train"), network.labels("validation")
        which = np.random.RandomState(0).permutation(len(labels))[: options.probe]  # the same for all networks
        shown = network.outputs("train", which, epoch=epoch)
        judged = network.outputs("validation", np.arange(len(truth)), epoch=epoch)
        return [probe_accuracy(shown[p], labels[which], judged[p], truth) for p in network.places]

    def _grams(self, network: "Network", options: Options) -> dict[str, list[np.ndarray]]:
        which = of_all_classes(network.labels("validation"), options.batch * options.batches)
        outputs = network.outputs("validation", which, pooled=False)
        return {place: batch_grams(h, min(options.batch, len(which))) for place, h in outputs.items()}

    def table(self, found: Sequence[Sat[Block]]) -> pd.DataFrame:
        rows = [row for sats in by_row(found) for row in _rows(sats)]
        return pd.DataFrame(rows, columns=list(self.columns))

    def details(self, found: Sequence[Sat[Block]]) -> dict[str, pd.DataFrame]:
        """``roles-cka.csv``: CKA between all places of a network, and between its places and the twin's, by seed."""
        return {"cka": pd.DataFrame(_cka_rows(found), columns=[*ROW, "seed", "other", "place", "other_place", "cka"])}

    def pictures(self, table: pd.DataFrame) -> Iterator[Picture]:
        table = table.assign(row=said(table))
        for (suite, backbone), part in table.groupby(["suite", "backbone"], sort=True):
            section = f"{suite}, {backbone}"
            for kernel in KERNELS:
                for row, of_row in part.groupby("row", sort=True):
                    words = f"Information plane of {row}, kernel {kernel}: a line a place, through training"
                    yield Picture(section, words, _plane(of_row, part, kernel))
            for row, of_row in part.groupby("row", sort=True):
                yield Picture(section, f"Linear probes of {row} through training", _probe_curves(of_row, part))

    def pictures_of_details(self, details: Mapping[str, pd.DataFrame]) -> Iterator[Picture]:
        cka = details["cka"].assign(row=said(details["cka"]))
        for (suite, backbone), part in cka.groupby(["suite", "backbone"], sort=True):
            places = list(dict.fromkeys(part["place"]))
            for (row, other), of_row in part.groupby(["row", "other"], sort=True):
                means = of_row.groupby(["place", "other_place"])["cka"].mean().reset_index()
                words = f"CKA of {row} (across) with {other} (down), at the end of training, mean over seeds"
                yield Picture(f"{suite}, {backbone}", words, _map(means, places))


def of_all_classes(truth: np.ndarray, most: int) -> np.ndarray:
    """Numbers of pictures, at most so many: the same for all networks, in every stretch the classes in proportion."""
    import torch

    from benchmark.engine.pictures.data import stratified_order

    return stratified_order(torch.from_numpy(truth))[:most].numpy()


def _rows(sats: Sequence[Sat[Block]]) -> Iterator[dict[str, Any]]:
    """A row for each moment and place, of networks that differ by seed alone; moments that all of them have."""
    block, of_row = sats[0].block, row_of(sats[0].cell)
    moments = [{m.epoch: m for m in sat.block.moments} for sat in sats]
    for epoch in sorted(set.intersection(*(set(m) for m in moments))):
        at = [m[epoch] for m in moments]
        for depth, place in enumerate(block.places):
            probe, half = mean_and_half(m.probe[depth] for m in at)
            planes = {f"picture_{k}": mean_and_half(m.picture[k][depth] for m in at) for k in KERNELS}
            planes |= {f"label_{k}": mean_and_half(m.label[k][depth] for m in at) for k in KERNELS}
            cka = (
                [sat.block.cka_other[depth][depth] for sat in sats if sat.block.cka_other]
                if epoch == block.epochs
                else []
            )
            yield of_row | {
                "epoch": epoch,
                "share": epoch / block.epochs if block.epochs else 1.0,
                "place": place,
                "depth": depth + 1,
                "probe_pct": probe,
                "probe_half_pct": half,
                "untrained_pct": np.mean([m[0].probe[depth] for m in moments]),
                "chance_pct": block.chance,
                **{name: mean for name, (mean, _) in planes.items()},
                **{f"{name}_half": half for name, (_, half) in planes.items()},
                "pictures": block.pictures,
                "cka_e2ebp": np.mean([c for c in cka if c is not None]) if any(c is not None for c in cka) else None,
                "n": len(sats),
            }


def _cka_rows(found: Sequence[Sat[Block]]) -> Iterator[dict[str, Any]]:
    for sat in found:
        block = sat.block
        maps = [("itself", block.cka_own)]
        if block.cka_other:
            of_twin = sat.cell.method == TWIN
            maps.append((f"{TWIN} of another seed" if of_twin else TWIN, block.cka_other))
        for other, values in maps:
            for place, of_place in zip(block.places, values, strict=True):
                for other_place, cka in zip(block.places, of_place, strict=True):
                    where = {"place": place, "other_place": other_place, "cka": cka}
                    yield row_of(sat.cell) | {"seed": sat.cell.seed, "other": other} | where


def _plane(of_row: pd.DataFrame, part: pd.DataFrame, kernel: str) -> Any:
    """Of one row, on the axes of its whole suite and backbone."""
    import altair as alt

    def axis(channel: Any, of: str, words: str) -> Any:
        values = part[f"{of}_{kernel}"]
        scale = alt.Scale(domain=[float(values.min()), float(values.max())], nice=True)
        return channel(f"{of}_{kernel}:Q", title=f"nHSIC with the {words}", scale=scale)

    return (
        alt.Chart(of_row[["place", "epoch", f"picture_{kernel}", f"label_{kernel}"]])
        .mark_line(point=True)
        .encode(
            x=axis(alt.X, "picture", "picture"),
            y=axis(alt.Y, "label", "class"),
            color=alt.Color("place:N", title="place", sort=list(dict.fromkeys(part["place"]))),
            order="epoch:Q",
            tooltip=["place", "epoch", f"picture_{kernel}", f"label_{kernel}"],
        )
    )


def _probe_curves(of_row: pd.DataFrame, part: pd.DataFrame) -> Any:
    import altair as alt

    heights = [float(part[["probe_pct", "chance_pct"]].min().min()), float(part["probe_pct"].max())]
    lines = (
        alt.Chart(of_row[["place", "epoch", "probe_pct", "untrained_pct"]])
        .mark_line(point=True)
        .encode(
            x=alt.X("epoch:Q", title="epochs trained, of all phases"),
            y=alt.Y("probe_pct:Q", title="probe accuracy, %", scale=alt.Scale(domain=heights, nice=True)),
            color=alt.Color("place:N", title="place", sort=list(dict.fromkeys(part["place"]))),
            tooltip=["place", "epoch", "probe_pct", "untrained_pct"],
        )
    )
    chance = alt.Chart(of_row[["chance_pct"]].iloc[:1]).mark_rule(strokeDash=[4, 3]).encode(y="chance_pct:Q")
    return lines + chance


def _map(means: pd.DataFrame, places: Sequence[str]) -> Any:
    import altair as alt

    scale = alt.Scale(domain=[0, 1], clamp=True, scheme="blues")
    return (  # words on the boxes would be unreadable on some of them, in the light or in the dark
        alt.Chart(means)
        .mark_rect()
        .encode(
            x=alt.X("place:N", sort=list(places), title=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("other_place:N", sort=list(places), title=None),
            color=alt.Color("cka:Q", title="CKA", scale=scale),
            tooltip=["place", "other_place", alt.Tooltip("cka:Q", format=".2f")],
        )
    )
