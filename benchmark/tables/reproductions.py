"""The papers' own figures beside ours, setting by setting; empty where nobody here has run the setting.

A figure is compared only with a row of the same data set, backbone, number of modules and method. Epochs,
batch, heads and the number of training pictures may still differ from the paper's: what we know of them, and
whose recipe trained it, stands beside it. Where ``suites.yaml`` has the paper's own setting, ``published.csv`` names
that suite (or several): only its runs by the paper's recipe stand beside the figure, and
:mod:`benchmark.tables.reproduced` judges.
"""

import re
from collections.abc import Collection

import pandas as pd

from benchmark.schema.suite import CHECKPOINTING, TWIN
from benchmark.tables.columns import labels_in_words
from benchmark.tables.reproduced import NOT_RUN, allowed_difference, verdicts

# Backbones whose published name is not timm's; the engine registers the CIFAR ResNets (6n + 2 layers) and the others.
BACKBONES = {
    "ResNet-32": "cifar_resnet32",
    "ResNet-110": "cifar_resnet110",
    "MLP": "local_loss_mlp",
    "LeNet-5": "kernet_lenet5",
    "LeNet (biotorch)": "biotorch_lenet",
}
OF_DATA = {("Tiny-ImageNet", f"ResNet-{layers}"): f"trgl_resnet{layers}" for layers in (50, 101, 152)}
# Our (method, variant) where the papers' name is not "method_variant".
METHODS = {
    ("predsim", "predsim"): "predsim",
    ("predsim", "pred"): "local_pred",
    ("predsim", "sim"): "local_sim",
    ("trgl", "parallel"): "trgl",
    ("man", "greedy"): "man_dgl",  # "DGL + MAN" in the paper
    ("man", "infopro"): "man_infopro",
    ("target_propagation", "dtp"): "dtp",
    ("forward_forward", "goodness"): "forward_forward",
    ("sign_symmetry", "usf"): "fa_usf",  # as of feedback alignment, whose next of kin they are
    ("sign_symmetry", "frsf"): "fa_frsf",
    ("sign_symmetry", "brsf"): "fa_brsf",
    ("forward_gradient", "fg_a"): "forward_gradient_activity",
    ("forward_gradient", "fg_w"): "forward_gradient_weight",
    ("local_forward_gradient", ""): "local_forward_gradient_activity",
    ("predictive_coding", "pc"): "predictive_coding",
    ("noprop", ""): "noprop_dt",
    ("hpff", ""): "hpff_dgl",
}
# On ImageNet InfoPro's paper has its memory-balanced cuts and cross-entropy alone, both under one name.
ON_IMAGENET = {"infopro_balanced": "infopro_softmax"}
NO_K = {CHECKPOINTING}  # published.csv has K = 1 for these, as nothing is cut; the papers state no K
NOT_STATED = "not stated"
KEY = ["dataset", "backbone", "modules", "method"]
TABLE = [*KEY, "metric", "published", "published_std", "our_method", "our_modules", "ours", "ours_half", "difference"]
TABLE += [
    "allowed",
    "verdict",
    "setting",
    "n_ok",
    "suite",
    "recipe",
    "our_source",
    "epochs",
    "labels",
    "status",
    "publication",
    "note",
]
ROUNDED = ["ours", "ours_half", "difference", "allowed"]
ERRORS = ("test_error_pct", "test_error_top5_pct")  # which the rule of reproduction is of
# Metric of the papers -> our column, that of its interval, and the line that turns ours into their unit.
METRICS = {
    "test_error_pct": ("test_top1_pct", "test_top1_half_pct", 100.0, -1.0),
    "test_error_top5_pct": ("test_top5_pct", None, 100.0, -1.0),
    "overhead_flops_pct": ("flops_ratio", None, -100.0, 100.0),
    "overhead_time_pct": ("time_ratio", None, -100.0, 100.0),
    "memory_ratio": ("memory_ratio", None, 0.0, 1.0),
}


def reproductions(board: pd.DataFrame, published: pd.DataFrame, methods: Collection[str] = ()) -> pd.DataFrame:
    """One row per published figure and row of ours in that setting.

    Args:
        board: the leaderboard.
        published: columns method, dataset, backbone, modules, metric, value (a number or its text, as the paper
            prints it), std, source, note, suite.
        methods: ids of methods, beside those on the board.

    Returns:
        Columns ``TABLE``; ``difference`` is ours minus the paper's, in the metric's unit. A figure without a K
        stands beside each K of ours, ``our_modules``. ``our_method`` is the id of the method that the paper's name
        belongs to, be its setting run here or not; ``setting`` the suite that is the paper's own setting.
    """
    numbers = published.assign(printed=published["value"].astype(str), value=pd.to_numeric(published["value"]))
    theirs = memory_as_ratio(numbers).rename(
        columns={"value": "published", "std": "published_std", "source": "publication", "suite": "setting"}
    )
    theirs["modules"] = theirs["modules"].astype(str).mask(theirs["method"].isin(NO_K), NOT_STATED)
    ids = {*board["method"], *methods}
    theirs["our_method"] = [_our_method(name, ids) for name in theirs["method"]]
    theirs["setting"] = theirs["setting"].str.split()
    theirs = theirs.rename_axis("figure").reset_index().explode("setting", ignore_index=True)
    both = _first_or_run(theirs.assign(key=_keys_of(theirs)).merge(_with_keys(board), how="left", on="key"))
    both["ours"], both["ours_half"] = _in_their_unit(both)
    both["difference"] = both["ours"] - both["published"]
    judged = both["setting"].notna() & both["ours"].notna() & both["metric"].isin(ERRORS)
    both["allowed"] = allowed_difference(both[judged])
    both[ROUNDED] = both[ROUNDED].round(3)
    run = both["suite"].notna()
    both["verdict"] = verdicts(both).mask(both["setting"].notna() & both["metric"].isin(ERRORS) & ~run, NOT_RUN)
    return both.astype({"our_modules": "Int64"}).reindex(columns=TABLE)


def _first_or_run(both: pd.DataFrame) -> pd.DataFrame:
    """Of a figure that is the setting of several suites, those that were run; of none, the first."""
    run = both["suite"].notna()
    some = run.groupby(both["figure"]).transform("any")
    return both[run | ~some & ~both.duplicated("figure")].reset_index(drop=True)


def our_backbones(published: pd.DataFrame) -> pd.Series:
    """What the published backbones are called here; the same name where nobody here has it.

    Args:
        published: columns dataset and backbone, as the papers write them.
    """
    pairs = zip(published["dataset"], published["backbone"], strict=True)
    return pd.Series([OF_DATA.get(pair) or BACKBONES.get(pair[1], pair[1]) for pair in pairs], published.index, object)


def _keys_of(theirs: pd.DataFrame) -> pd.Series:
    """A published figure's key: that of its setting, which needs a K only where the paper states one, or a row's."""
    method = theirs["method"].mask(theirs["dataset"] == "ImageNet", theirs["method"].replace(ON_IMAGENET))
    theirs = theirs.assign(backbone=our_backbones(theirs))
    key = _keys(theirs, theirs["backbone"], method)
    numbered = theirs.assign(modules=theirs["modules"].where(theirs["modules"].str.isdecimal(), NOT_STATED))
    return key.mask(theirs["setting"].notna(), _in_setting(numbered, method))


def _our_method(name: str, ids: Collection[str]) -> str | None:
    """The id of the method that papers call so; ``infopro_balanced`` is an ``infopro``, the longest id that fits."""
    known = {theirs: ours for (ours, _), theirs in METHODS.items()}
    fitting = [i for i in ids if name == i or name.startswith(f"{i}_")]
    return known.get(name) or max(fitting, key=len, default=None)


def _with_keys(board: pd.DataFrame) -> pd.DataFrame:
    """Our rows but references, under the keys of their K and of none stated, and those of a paper's setting."""
    board = board[board["times"].isna()]
    board = board.assign(labels=labels_in_words(board))
    names = [
        METHODS.get((m, v), f"{m}_{v}" if v else m) for m, v in zip(board["method"], board["variant"], strict=True)
    ]
    method = pd.Series(names, index=board.index, dtype=object)
    unstated = board.assign(modules=NOT_STATED)
    papers = board["recipe"] == "paper"
    keyed = [board.assign(key=_keys(rows, rows["backbone"], method)) for rows in (board, unstated)]
    keyed += [board.assign(key=_in_setting(rows, method))[papers] for rows in (board, unstated)]
    ours = pd.concat(keyed).rename(columns={"source": "our_source", "modules": "our_modules"})
    return ours.drop(columns=[name for name in KEY if name != "modules"])


def _in_setting(table: pd.DataFrame, method: pd.Series) -> pd.Series:
    """Suite and what :func:`_keys` names; the suite is ``setting`` of a figure."""
    suite = table["setting"] if "setting" in table else table["suite"]
    return suite.astype(str) + "|" + _keys(table, table["backbone"], method)


def memory_as_ratio(published: pd.DataFrame) -> pd.DataFrame:
    """Turns gigabytes, which hang on batch and GPU, into the ratio to the same table's end-to-end training.

    The gigabytes go into the note; the end-to-end rows, whose ratio is one, go.
    """
    memory = published["metric"] == "memory_gb"
    setting = ["dataset", "backbone", "source", "note"]
    twins = published[memory & (published["method"] == TWIN)].groupby(setting)["value"].first().rename("twin")
    table = published.merge(twins, how="left", left_on=setting, right_index=True)
    gigabytes = table["value"].map("{:g}".format) + " of " + table["twin"].map("{:g} GB".format)
    note = (gigabytes + "; " + table["note"].fillna("")).str.removesuffix("; ")
    converted = table.assign(metric="memory_ratio", value=(table["value"] / table["twin"]).round(3), note=note)
    table = table.where(~memory, converted)
    return table[~(memory & (table["method"] == TWIN))].drop(columns="twin")


def _keys(table: pd.DataFrame, backbone: pd.Series, method: pd.Series) -> pd.Series:
    parts = [
        table["dataset"].map(plain_name),
        backbone.map(plain_name),
        table["modules"].astype(str),
        method.map(plain_name),
    ]
    return parts[0] + "|" + parts[1] + "|" + parts[2] + "|" + parts[3]


def plain_name(name: str | float) -> str:
    """``Tiny-ImageNet`` and ``tiny_imagenet`` are one name, ``CIFAR-10`` and ``cifar10`` another."""
    return "?" if pd.isna(name) else re.sub(r"[^a-z0-9]", "", str(name).lower())


def _in_their_unit(both: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    ours = pd.Series(float("nan"), index=both.index)
    half = ours.copy()
    for metric, (column, interval, offset, factor) in METRICS.items():
        here = both["metric"] == metric
        ours[here] = offset + factor * both.loc[here, column].astype(float)
        if interval:
            half[here] = both.loc[here, interval].astype(float)
    return ours, half
