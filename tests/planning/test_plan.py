"""Plans: a row for all that is asked, each kept as soon as it is simulated, and tables that 80 columns show whole."""

import io
import re
from types import SimpleNamespace

import pytest
from conftest import ROOT, small_suite
from rich.console import Console
from typer.testing import CliRunner

from benchmark import cli
from benchmark.ending import Interrupted
from benchmark.engine.measuring.cost import simulate_peak
from benchmark.errors import UserError
from benchmark.planning import fit as fitting
from benchmark.planning import plan, published, simulated, speedup
from benchmark.planning.footprint import held_for_sure
from benchmark.planning.gpus import On
from benchmark.planning.network import CHECKPOINTING, Network, check_network, recipe_of
from benchmark.running import preflight

SMALL = Network("cifar_resnet8", 32)


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Simulate in this process, and keep rows apart; counts what is simulated, and is interrupted at ``last``."""
    seen = SimpleNamespace(count=0, last=1000)

    def run(jobs, places):
        for job in jobs:
            if seen.count == seen.last:
                raise Interrupted(2)
            seen.count += 1
            yield job.key, simulated.simulate_training(lambda done: None, *job.arguments)

    monkeypatch.setattr(simulated, "run_jobs", run)
    monkeypatch.setattr(simulated, "KEPT", tmp_path)
    return seen


def lines(show):
    console = Console(file=io.StringIO(), width=80)
    show(console)
    return console.file.getvalue().splitlines()


def test_a_plan_has_a_row_for_all_that_a_suite_trains(monkeypatch, here):
    monkeypatch.setattr(plan, "plugin_ids", lambda *_: ["greedy_sl", "e2ebp"])
    rows = plan.plan_suite("digits")
    assert [(row.method, row.modules) for row in rows] == [
        ("e2ebp", 1),
        *(("greedy_sl", k) for k in (2, 4)),
    ]
    twin, two, four = rows
    assert 1.0 == twin.peak_ratio > two.peak_ratio > four.peak_ratio
    assert twin.parameters == four.parameters
    assert twin.auxiliary_parameters == 0 < two.auxiliary_parameters
    shown = lines(lambda console: plan.print_plan("digits", console))
    assert here.count == 3, "what was simulated is not simulated again"
    assert max(map(len, shown)) <= 80
    assert [len(line.split()) for line in shown if line.lstrip().startswith("greedy_sl")] == [8, 8]


def test_some_methods_are_planned_without_losing_the_others(monkeypatch, here, tmp_path):
    monkeypatch.setattr(plan, "plugin_ids", lambda *_: ["dgl", "e2ebp"])
    lines(lambda console: plan.print_plan("digits", console, tmp_path))
    before = (tmp_path / "digits.csv").read_text().splitlines()
    lines(lambda console: plan.print_plan("digits", console, tmp_path, methods=["greedy_sl"]))
    after = (tmp_path / "digits.csv").read_text().splitlines()
    assert after[: len(before)] == before
    assert [line.split(",")[0] for line in after[len(before) :]] == ["greedy_sl"] * 2
    assert here.count == 5, "the twin's row is kept, as all that was simulated"


def test_a_plan_says_what_cannot_be_had_and_goes_on(monkeypatch, here):
    monkeypatch.setattr(plan, "plugin_ids", lambda *_: ["greedy_sl", "e2ebp"])
    monkeypatch.setattr(plan, "load_suite", lambda name: small_suite(modules=[2, 400]))
    *_, fine, impossible = plan.plan_suite("any")
    assert fine.note == ""
    assert impossible.peak_gb is None
    assert "400" in impossible.note


def test_what_is_done_survives_an_interruption(here):
    trainings = list(SMALL.trainings(["dgl"], [2, 4], 8))
    here.last = 2
    with pytest.raises(Interrupted):
        simulated.simulate_all(trainings, "")
    here.last = 1000
    assert all(made.cost for made in simulated.simulate_all(trainings, ""))
    assert here.count == 3


def test_the_largest_batch_is_one_that_fits_and_the_next_ones_do_not(here):
    memory = 1.08  # GB: for sure 0.08 of them
    methods = ["dgl", CHECKPOINTING]
    rows = fitting.fit(SMALL, 64, memory, methods)
    assert [row.simulated for row in rows if row.simulated] == sorted(row.simulated for row in rows if row.simulated)
    assert min(row.of_bar for row in rows if row.method == CHECKPOINTING and row.simulated) == 1
    assert any("16 modules" in row.note for row in rows)
    dgl = next(row for row in rows if row.method == "dgl" and row.modules == 4)
    training = next(one for one in SMALL.trainings(["dgl"], [4], 64) if one.method == "dgl")
    needs = [simulate_peak(builder(training), training.recipe, training.task, dgl.largest + n) / 1e9 for n in (0, 8)]
    assert needs[0] <= held_for_sure(memory) < needs[1]


def builder(training):
    suite = simulated.Suite.model_construct(balance=training.balance)
    method = simulated.load_method(training.method)
    made = training.options, suite, training.backbone, training.task, training.modules, training.seed
    return lambda: simulated.build_method(method, *made)


def test_a_mistake_is_said_before_anything_else_is_simulated(here):
    with pytest.raises(UserError, match="timm knows no backbone 'resnet5000'"):
        check_network(Network("resnet5000", 224), 8)
    with pytest.raises(UserError, match="--batch 1 cannot be simulated"):
        check_network(SMALL, 1)
    for batch in (-3, 0, 10**7):
        with pytest.raises(UserError, match=f"--batch {batch} cannot be simulated"):
            recipe_of(batch)
    for name in ("", "a-b", "resnet18 x"):
        with pytest.raises(UserError, match=f"'{name}' is no name of a backbone"):
            Network(name, 224)
    with pytest.raises(UserError, match="--image 0 cannot be simulated"):
        Network("resnet18", 0)
    with pytest.raises(UserError, match="'8 apples' is no amount of memory"):
        fitting.gigabytes("8 apples")
    assert [fitting.gigabytes(said) for said in ("8", "8GB", "8 gb", "8000MB")] == [8.0] * 4


def test_the_simulated_end_to_end_peak_is_near_the_published_one():
    """InfoPro's table 3: 9.40 GB on a GPU, whose context and workspaces a simulation does not see."""
    settings = [setting for setting in published.SETTINGS if setting.batch == 1024][::3]
    end_to_end, in_two = published.published_check(settings)
    assert -15 < end_to_end.deviation < 0
    assert in_two.cuts == "layer1.14"
    assert in_two.simulated_ratio == pytest.approx(in_two.published_ratio, abs=0.06)
    rows = [row.model_copy(update={"method": CHECKPOINTING}) for row in (end_to_end, in_two)]  # the longest name
    shown = lines(lambda console: published.print_rows(rows, published.SHOWN, "title", console))
    assert len([line for line in shown if re.search(rf"{CHECKPOINTING} +\d", line)]) == 2


def test_hours_on_a_named_gpu_are_an_interval_that_says_what_it_assumes(here):
    h100, recipe = On("h100", 2_000_000), recipe_of(100)
    low, high = h100.hours(3.6e12, recipe)  # of 20,000 steps
    assert (low, high) == pytest.approx((20 / 67 / 0.6, 20 / 67 / 0.1))
    assert h100.said(3.6e12, recipe) == "0.5–3"
    shown = "\n".join(lines(lambda console: plan.print_network("cifar_resnet8", 32, 8, ["dgl"], console, on=h100)))
    assert "hours" in shown
    assert "assumed, not measured" in " ".join(shown.split())
    for gpu, precision, said in (
        ("h1000", "fp32", "is not known; there are t4, v100"),
        ("v100", "bf16", "has no bf16"),
    ):
        with pytest.raises(UserError, match=said):
            On(gpu).check(precision)


def test_the_gain_of_parallel_modules_is_predicted_from_their_times_and_of_e2ebp_refused(monkeypatch):
    monkeypatch.setattr(speedup, "run_jobs", run_here)
    monkeypatch.setattr(speedup, "not_parallel", lambda names: preflight.not_parallel(None, names))
    monkeypatch.setattr(speedup, "STEPS", 1)
    monkeypatch.setattr(speedup, "WARMUP", 0)
    monkeypatch.setattr(speedup, "cores", lambda: 1)  # so that nothing is checked
    twin, dgl = SMALL.trainings(["dgl"], [2], 8)
    shown = " ".join(" ".join(lines(lambda console: speedup.print_speedups([twin], "small", console))).split())
    assert "Modules of e2ebp cannot train at the same time: it does not claim to remove the update lock" in shown
    (row,) = speedup.speedups([dgl])
    assert row.predicted == pytest.approx(row.serial_ms / row.slowest_ms)
    assert row.slowest_ms > 0
    assert row.measured is None


def run_here(jobs, places):
    for job in jobs:
        yield job.key, getattr(speedup, job.function.partition(":")[2])(None, *job.arguments)


@pytest.mark.parametrize(
    "what", [["--backbone", "cifar_resnet8"], ["--published"], ["digits", "--parallel", "modules"]]
)
def test_what_would_not_be_saved_is_refused(what, monkeypatch):
    monkeypatch.chdir(ROOT)
    refused = CliRunner().invoke(cli.app, ["plan", *what, "--save"]).exception
    assert isinstance(refused, UserError)
    assert "--save is for the table of a suite" in str(refused)
