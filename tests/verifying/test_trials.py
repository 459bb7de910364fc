"""``beyond verify --trials``: what a search says is made again, and what no search tries is found without training."""

import copy
from functools import partial
from pathlib import Path

import pytest
import yaml
from records import make_record
from workshop import TINY, beyond, mistake, workshop

from benchmark.engine.load import load_dataset
from benchmark.engine.pictures.data import load_splits
from benchmark.running.launch import Crash, run_one
from benchmark.schema.plugins import METHODS, method_metadata, plugin_path
from benchmark.schema.suite import FIRST_TUNING_SEED, PROTOCOL, load_suite
from benchmark.schema.tuned import TUNED, Configuration, Search, Trial, write_search
from benchmark.tuning.search import Attempt, _Plan
from benchmark.tuning.space import configurations
from benchmark.verifying import all_again
from benchmark.verifying.again import train_again
from benchmark.verifying.trials import sample, trials, verify_trials

__all__ = ["workshop"]
REACHED = 60.0


class Listener:
    """An observer that remembers lines."""

    def __init__(self):
        self.lines = []

    def ended(self, key, line):
        self.lines.append(line)

    def begin(self, *said):
        pass

    progress = note = begin


@pytest.fixture
def suite(workshop):
    suites = copy.deepcopy(TINY)
    suites["tiny"] |= {"seeds": {"shared": 1, "tuned": 1}, "tune": {"configurations": 4}}
    (workshop / "suites.yaml").write_text(yaml.dump(suites))
    return load_suite("tiny")


@pytest.fixture
def search(suite):
    """As if all trials of ``dgl`` had reached the same."""
    drawn = configurations(suite.recipe, method_metadata(plugin_path(METHODS, "dgl")), 4)
    facts = {"status": "ok", "validation_top1": REACHED, "fingerprint": "f"}
    found = [Trial(configuration=c, full=False, epochs=1, seed=FIRST_TUNING_SEED, **facts) for c in drawn]
    found.append(Trial(configuration=drawn[0], full=True, epochs=1, seed=FIRST_TUNING_SEED + 1, **facts))
    who = {"suite": "tiny", "method": "dgl", "variant": "", "backbone": "cifar_resnet8", "modules": 2}
    search = Search(**who, protocol=PROTOCOL, configurations=4, share=0.25, trials=found)
    write_search(search)
    return search


def answered(monkeypatch, outcome):
    """Whether trials differ when each is answered by ``outcome``, and what is said of them."""
    monkeypatch.setattr(all_again, "run_jobs", lambda jobs, *others: ((job.key, outcome) for job in jobs))
    listener = Listener()
    return list(verify_trials(trials(["tiny"], ["dgl"])[0], listener)), listener.lines


def of_validation(top1):
    record = make_record("dgl", 2)
    return record.model_copy(update={"accuracy": record.accuracy.model_copy(update={"validation_top1": top1})}), []


def test_what_the_sandbox_reaches_is_what_the_search_reached(suite, search, monkeypatch):
    monkeypatch.setattr(all_again, "hardware", lambda suite: 0)
    here = partial(train_again, lambda done: None)  # but for the sandbox's own, no process is waited for
    monkeypatch.setattr(all_again, "run_jobs", lambda jobs, *others: ((j.key, here(*j.arguments)) for j in jobs))
    data = load_splits(load_dataset("digits"), Path("data"), suite.validation, suite.limit).fingerprint
    job = _Plan("tiny", suite, "dgl", data, TUNED, 0).job(Attempt("dgl", 0, full=True))
    full = run_one(job.function, *job.arguments)
    search.trials[-1] = full
    write_search(search)
    listener = Listener()
    assert list(verify_trials(trials(["tiny"], [])[0][-1:], listener)) == [None]
    reached = f"{full.validation_top1:.2f} %"
    assert listener.lines == [
        f"tiny dgl configuration 0, all epochs: verified: validation {reached} again, recorded {reached}."
    ]


@pytest.mark.parametrize(("off", "code"), [(0.0, 0), (30.0, 1)])
def test_the_command_ends_as_its_trials_do(search, monkeypatch, capsys, off, code):
    outcome = of_validation(REACHED + off)
    monkeypatch.setattr(all_again, "run_jobs", lambda jobs, *others: ((job.key, outcome) for job in jobs))
    assert beyond(monkeypatch, capsys, "verify", "tiny", "--trials", "2")[0] == code


def test_a_trial_that_comes_out_otherwise_is_said(search, monkeypatch):
    assert answered(monkeypatch, of_validation(REACHED + 1.9))[0] == [None] * 5
    faults, lines = answered(monkeypatch, of_validation(REACHED - 2.1))
    assert faults == ["They differ by 2.10 points, and may by 2."] * 5
    assert lines[0] == (
        "tiny dgl configuration 0, a share of the epochs: failed: validation 57.90 % again, recorded 60.00 %. "
        "They differ by 2.10 points, and may by 2."
    )
    faults, _ = answered(monkeypatch, (make_record("dgl", 2, status="diverged"), []))
    assert faults == ["It ended diverged, and was ok."] * 5


def test_a_baseline_that_is_said_to_have_diverged_is_put_to_the_test(search, monkeypatch):
    search.trials[-1] = search.trials[-1].model_copy(update={"status": "diverged", "validation_top1": None})
    write_search(search)
    assert answered(monkeypatch, of_validation(REACHED))[0] == [*[None] * 4, "It ended ok, and was diverged."]


def test_no_time_here_says_nothing_of_a_trial(search, monkeypatch):
    faults, lines = answered(monkeypatch, Crash("timeout", "Stopped after 1 minutes."))
    assert faults == []
    assert lines[0].endswith("no outcome: Stopped after 1 minutes.")


def test_a_configuration_that_no_search_tries_is_found_without_training(search, monkeypatch, capsys):
    monkeypatch.setattr(all_again, "run_jobs", lambda *_: pytest.fail("nothing is to be trained"))
    drawn = search.trials[0].configuration
    own = Configuration(number=0, origin=drawn.origin, recipe=drawn.recipe | {"lr": 0.0777})
    for place in (0, 4):
        search.trials[place] = search.trials[place].model_copy(update={"configuration": own})
    write_search(search)
    code, _ = beyond(monkeypatch, capsys, "verify", "tiny", "--trials", "3")
    assert code == 1
    (sentence,) = trials(["tiny"], [])[2]
    assert sentence.startswith("results/tuned/tiny/dgl.json: its configuration 0 is none that the searches of tiny try")


def test_what_cannot_be_made_again_is_one_sentence(search, monkeypatch, capsys):
    assert "There is no suite 'huge'" in mistake(monkeypatch, capsys, "verify", "huge", "--trials", "1")
    assert "There is no search of such" in mistake(monkeypatch, capsys, "verify", "--method", "fa", "--trials", "1")
    write_search(search.model_copy(update={"protocol": PROTOCOL - 1}))
    assert f"it is of protocol {PROTOCOL - 1}" in mistake(monkeypatch, capsys, "verify", "--trials", "1")


def test_a_sample_is_no_larger_than_what_is_there(search):
    found, _, _ = trials([], [])
    assert len(sample(found, 2)) == 2
    assert sorted(map(str, sample(found, 9))) == sorted(map(str, found))
