"""What stands in each table of the static page: the columns in their order, with names for the reader."""

import hashlib
from functools import partial

from markupsafe import Markup

from benchmark.display import by_family, explanations, standing
from benchmark.display.claims import effect_in_words, verdict_mark
from benchmark.display.traits import LABELS, TRAITS
from benchmark.export.table import Column, Row, interval, link, number, outward, sparkline, text
from benchmark.schema.plugins import ID
from benchmark.tables.columns import COLUMNS
from benchmark.tables.trust import FAILED, OTHERS

BEST = {"best": ("best", "best"), "not distinguishable": ("near", "≈ best")}
RANK = f"{COLUMNS['rank_low'].meaning}; to {COLUMNS['rank_high'].meaning}"
BRANCH = "where the objective, or the gradient, of a hidden module comes from"
HIDDEN_LABELS = "; ".join(f"{kind}: {words}" for kind, words in reversed(LABELS.items()))


def page_name(kind: str, name: str) -> str:
    """``method-dgl.html``; of a name that is no id, its hash, as a stranger may have chosen it."""
    safe = name if ID.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{kind}-{safe}.html"


def leaderboard() -> list[Column]:
    """A row of leaderboard.csv, for a reader who compares."""
    return [
        Column("Method", _method, COLUMNS["title"].meaning),
        Column("Rank", _rank, RANK, numeric=True, once=True),
        text("suite", "Suite", filter=True),
        text("role", "Role", filter=True),
        text("recipe", "Recipe", filter=True),
        number("times", "× epochs", 2),
        text("dataset", "Data set"),
        text("backbone", "Backbone", filter=True),
        number("modules", "K", 0, filter=True),
        interval("test_top1_pct", "test_top1_half_pct", "Accuracy, %", mark=_against_best),
        number("n_ok", "n", 0),
        interval("vs_e2ebp_pct", "vs_e2ebp_half_pct", "vs end-to-end", "+"),
        _comparison(),
        number("epochs", "Epochs", 0),
        interval("equal_epochs_pct", "equal_epochs_half_pct", "at equal epochs", "+"),
        interval("equal_flops_pct", "equal_flops_half_pct", "at equal FLOPs", "+"),
        number("memory_ratio", "Memory ×", 2),
        number("time_ratio", "Time ×", 2),
        number("flops_ratio", "FLOPs ×", 2),
        number("auxiliary_parameters", "Auxiliary", 0),
        Column(
            "Curve", lambda row: sparkline(row["curve"]), "validation accuracy by epoch, mean over seeds, 0 to 100 %"
        ),
        *traits(),
        *_said_of_training(),
        text("authors_stand", standing.LABEL, meaning=standing.MEANING),
        Column("Status", lambda row: _status(row["status"]), COLUMNS["status"].meaning),
        text("cuts", "Cut after"),
        text("source", "Pictures"),
        text("stem", "Stem"),
        number("protocol", "Protocol", 0),
        number("train_tflops", "Training, TFLOP", 3),
        text("requires", "Requires"),
        Column("Paper", lambda row: outward(row["paper"], "paper"), COLUMNS["paper"].meaning),
        Column("Code", lambda row: link(page_name("method", row["method"]), "code", "code"), "the file that was run"),
        _objection(),
    ]


def front() -> list[Column]:
    """What a reader of the trade-offs asks of a row."""
    wanted = {"Method", "K", "Accuracy, %", "n", "vs end-to-end", "Epochs", "at equal epochs", "at equal FLOPs"}
    wanted |= {"Memory ×", "Time ×", "FLOPs ×", "Training, TFLOP", "Family"}
    return [column for column in leaderboard() if column.label in wanted]


def _comparison() -> Column:
    """What sets a row beside another."""
    address = Markup('<a href="compare.html#{}">compare</a>').format
    meaning = "beside end-to-end backpropagation, or any other row"
    return Column("Beside", lambda row: address(row["compare"]) if row["compare"] else "", meaning)


def _objection() -> Column:
    """Where to say that a row, or a cell, is wrong; nothing where the repository has no tracker."""
    return Column("Object", lambda row: outward(row["object"], "object"), "an issue that names it")


def traits() -> list[Column]:
    """What tells methods apart, and what readers choose by in every table that has a row a method, or several."""
    return [
        Column(TRAITS["family"], _family, COLUMNS["family"].meaning, filter="family"),
        text("branch", TRAITS["branch"], filter=True, meaning=BRANCH),
        text("locks", TRAITS["locks"], filter=True, meaning=COLUMNS["removes"].meaning),
        text("hidden_labels", TRAITS["hidden_labels"], filter=True, meaning=HIDDEN_LABELS),
    ]


def _said_of_training() -> list[Column]:
    return [
        text("labels", "Labels used"),
        text("isolation", "Isolation"),
        *_rerun(),
    ]


def _rerun() -> list[Column]:
    meaning = COLUMNS["verification"].meaning
    verification = Column(
        "Verification", lambda row: _verification(row["verification"]), meaning, filter="verification"
    )
    return [verification, text("rerun_by", "Re-run by"), text("rerun_on", "Re-run on")]


def ranks(suites: list[str]) -> list[Column]:
    """A row a method: its rank and score in each suite, after the overall one where there is one."""
    return [
        Column("Method", _method),
        Column("Overall", lambda row: str(row["overall"]), "ranks that Borda's count may give it", numeric=True),
        number("borda", "Borda", 1, meaning="methods that it beats, summed over suites; half for a tie"),
        *(_of_suite(suite) for suite in suites),
        Column("Family", _family, COLUMNS["family"].meaning),
        text("missing", "No overall rank because"),
    ]


def _of_suite(suite: str) -> Column:
    return Column(
        suite,
        lambda row: str(row[f"in {suite}"]),
        "ranks that it may have, of how many methods, and mean accuracy in percent",
        numeric=True,
    )


def claims() -> list[Column]:
    """A claim and its verdict; the sentence leads to its place in the page."""
    return [
        Column("Claim", lambda row: link("", row["says"], row["claim"])),
        Column("Verdict", lambda row: verdict_mark(row["verdict"], row["evidence"]), filter="verdict"),
        text("family", "Family", filter=True),
        Column("Difference", effect_in_words, "of the setting that decides, with its 95 % t interval", numeric=True),
        number("n", "n", 0, meaning="pairs of that setting"),
        number("p", "p", 3, meaning="after Holm's correction for all claims"),
        number("seeds_needed", "Seeds needed", 0, meaning="that would decide it, if means and scatter stay so"),
        number("cases", "Settings", 0, meaning="that bear on the verdict"),
        text("suites", "In"),
        text("stated_for", "Stated for"),
        text("source", "Source"),
        text("test", "Test"),
    ]


def reproductions() -> list[Column]:
    """A paper's figure beside ours."""
    return [
        text("method", "Method", filter=True),
        text("dataset", "Data set", filter=True),
        text("backbone", "Backbone", filter=True),
        text("modules", "K"),
        Column("Figure", lambda row: explanations.FIGURES.get(str(row["metric"]), str(row["metric"]))),
        number("published", "Paper", 2, meaning="the paper's figure"),
        number("published_std", "± sd", 2, meaning="the paper's standard deviation"),
        interval("ours", "ours_half", "Here")._replace(meaning="our figure in the same setting", always=True),
        number("difference", "Here − paper", 2, "+")._replace(always=True),
        text("verdict", "Verdict", meaning="of figures whose own setting is a suite here", filter=True),
        number("allowed", "Allowed ±", 2, meaning="difference up to which a figure counts as reproduced"),
        number("our_modules", "K here", 0, meaning="the K of our row; a figure without a K stands beside each of ours"),
        number("n_ok", "n", 0),
        text("setting", "Own suite", meaning=explanations.OWN_SUITE),
        text("suite", "Suite"),
        text("recipe", "Our recipe"),
        text("status", "Status"),
        number("epochs", "Our epochs", 0),
        text("labels", "Our labels", meaning="pictures by the kind of label that our training used"),
        text("our_source", "Our pictures"),
        text("publication", "Publication"),
        text("note", "Note"),
        *traits(),
    ]


def runs() -> list[Column]:
    """A cell with its provenance."""
    return [
        Column("Method", _method, filter="method"),
        text("backbone", "Backbone", filter=True),
        number("modules", "K", 0, filter=True),
        number("seed", "Seed", 0),
        text("recipe", "Recipe", filter=True),
        number("times", "× epochs", 2),
        Column("Status", lambda row: _status(row["status"]), filter="status"),
        text("error", "Error"),
        number("test_top1_pct", "Accuracy, %", 2),
        number("validation_top1_pct", "Validation, %", 2),
        number("memory_ratio", "Memory ×", 2),
        number("peak_mb", "Peak, MB", 1),
        number("time_ratio", "Time ×", 2),
        number("flops_ratio", "FLOPs ×", 2),
        number("epochs", "Epochs", 0),
        text("isolation", "Isolation"),
        *_rerun(),
        text("started_utc", "Started, UTC"),
        text("device", "Device"),
        text("source", "Pictures"),
        Column("Commit", _commit, "git commit, and whether the tree had changes"),
        text("method_sha256", "Method's SHA-256"),
        text("dataset_fingerprint", "Data's fingerprint"),
        number("protocol", "Protocol", 0),
        Column("Record", _record, "the whole record, as JSON"),
        _objection(),
        *traits(),
    ]


def suites() -> list[Column]:
    """A suite and how its cells ended."""
    return [
        Column(
            "Suite", lambda row: link(page_name("runs", row["suite"]), row["suite"]) if row["cells"] else row["suite"]
        ),
        text("title", "What"),
        number("cells", "Cells", 0),
        number("ok", "Ended ok", 0),
        number("other", "Ended otherwise", 0),
        number("planned", "Planned rows", 0, meaning="rows that nobody has run"),
    ]


def reference() -> list[Column]:
    """The twin's run of a length."""
    return [
        number("times", "× epochs", 2),
        number("epochs", "Epochs", 0),
        number("train_tflops", "Training, TFLOP", 3),
        interval("test_top1_pct", "test_top1_half_pct", "Accuracy, %"),
        number("n_ok", "n", 0),
    ]


def _said(name: str, row: Row) -> str:
    return str(row[name])


def families(ks: list[int]) -> list[Column]:
    """A family, or a learning signal in it, over K."""
    means = by_family.MEANS
    return [
        Column("Family", _family, COLUMNS["family"].meaning),
        text("branch", "Learning signal", meaning=BRANCH),
        number("methods", "Methods", 0),
        *(Column(f"K = {k}", partial(_said, by_family.key(k)), means["gap"], numeric=True) for k in ks),
        number(by_family.CHANGE, "Change", 1, "+", meaning=means[by_family.CHANGE]),
    ]


def tuning() -> list[Column]:
    """What tuning changed of a method at a K."""
    return [
        Column("Method", _method),
        text("suite", "Suite", filter=True),
        text("backbone", "Backbone"),
        number("modules", "K", 0),
        number("shared_pct", "Shared, %", 2, meaning="test accuracy by the suite's recipe, seeds that both finished"),
        number("tuned_pct", "Tuned, %", 2, meaning="test accuracy by the method's own recipe, the same seeds"),
        interval("difference_pct", "difference_half_pct", "Difference", "+"),
        number("n_pairs", "n", 0, meaning="seeds that both finished"),
        Column("Rank, shared", lambda row: str(row["rank_shared"]), "in the suite, by its recipe", numeric=True),
        Column("Rank, tuned", lambda row: str(row["rank_tuned"]), "in the suite, by tuned recipes", numeric=True),
        *_of_recipe("recipe"),
        text("origin", "From", meaning="the suite's recipe (shared), the paper's, or drawn"),
        number("trials", "Trials", 0),
    ]


def fidelity() -> list[Column]:
    """A comparison of a method with its authors' code, or with another computation."""
    return [
        text("compared", "Compared"),
        text("variant", "Variant"),
        text("against", "Against", meaning="a repository and its commit, or what else was computed"),
        text("deviation", "Deviation", meaning="largest difference over largest entry"),
        text("commit", "Our commit"),
        text("note", "Note"),
    ]


def trials() -> list[Column]:
    """A training of a search."""
    return [
        text("suite", "Suite"),
        number("number", "Configuration", 0),
        Column("Chosen", lambda row: str(row["chosen"])),
        *_of_recipe("other"),
        text("origin", "From", meaning="the suite's recipe (shared), the paper's, drawn, or added and never chosen"),
        number("epochs", "Epochs", 0),
        number("validation_top1", "Validation, %", 2),
        Column("Status", lambda row: _status(row["status"])),
    ]


def _of_recipe(other: str) -> list[Column]:
    return [
        text("optimizer", "Optimiser"),
        Column("Learning rate", lambda row: _short(row["lr"]), numeric=True),
        Column("Weight decay", lambda row: _short(row["weight_decay"]), numeric=True),
        text(other, "Also", meaning="what else the configuration changes of the recipe"),
        text("options", "Options", meaning="what it sets of the method's options"),
    ]


def _short(value: float | None) -> str:
    return "–" if value is None or value != value else f"{float(value):g}"


def plans() -> list[Column]:
    """A row that nobody has run: what was predicted of it, and no result."""
    return [
        Column("Method", _method),
        Column("State", lambda row: Markup('<span class="planned">planned</span>')),
        text("suite", "Suite", filter=True),
        text("backbone", "Backbone", filter=True),
        number("modules", "K", 0, filter=True),
        number("peak_gb", "Predicted peak, GB", 2, meaning="simulated tensor bytes, 10^9; not GPU memory"),
        number("peak_ratio", "Predicted memory ×", 2, meaning="over that of the end-to-end twin"),
        number("flops_ratio", "Predicted FLOPs ×", 2, meaning="over those of the end-to-end twin"),
        number("auxiliary_parameters", "Auxiliary", 0),
        text("note", "Note"),
    ]


def methods() -> list[Column]:
    """What a method says of itself, in one row."""
    return [
        Column("Method", _method),
        text("id", "Id"),
        *traits(),
        text("requires", "Requires"),
        text("authors", "Authors"),
        text("year", "Year"),
        Column("Paper", lambda row: outward(row["paper"], "paper")),
    ]


def _method(row: Row) -> str:
    name = link(page_name("method", row["method"]), row.get("title", row["method"]))
    variant = row.get("variant", "")
    return name + Markup(" <small>{}</small>").format(variant) if variant else name


def _rank(row: Row) -> str:
    return Markup("<span>{}</span>").format(row["rank"]) if row["rank"] else ""


def _family(row: Row) -> str:
    family = str(row["family"])
    return Markup('<span class="family {}">{}</span>').format(family.split(" ")[0], family)


def _against_best(row: Row, written: str) -> str:
    kind, words = BEST.get(row["vs_best"], ("", ""))
    return Markup('<span class="mark {}">{}</span> {}').format(kind, words, written) if kind else written


def _status(status: str) -> str:
    return status if status == "ok" else Markup('<span class="bad">{}</span>').format(status)


def _verification(verdict: str) -> str:
    kind = {OTHERS: "good", FAILED: "bad"}.get(verdict)
    return Markup('<span class="{}">{}</span>').format(kind, verdict) if kind else verdict


def _record(row: Row) -> str:
    return link(row["record"], "JSON") if row["has_record"] else str(row["record"])


def _commit(row: Row) -> str:
    known = {"yes": " + changes", "unknown": " + changes, or none: git did not say"}
    commit = row["git_commit"]
    return f"{commit}{known.get(row['git_dirty'], '')}" if commit not in ("", "unknown") else commit
