"""The search: what is tried, what goes on, what is chosen, and that no trial is made twice."""

import copy
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from workshop import TINY, Watcher, workshop

from benchmark.errors import UserError
from benchmark.running.alone import alone_with
from benchmark.running.asked import RunOptions
from benchmark.running.run import run_suite
from benchmark.schema.protocols import effective
from benchmark.schema.suite import Cell, Tune, load_suite
from benchmark.schema.tuned import TUNED, Configuration, Search, Trial, read_chosen, read_search
from benchmark.tuning.search import _Plan, tune

__all__ = ["workshop"]


class Listener:
    """An observer that remembers what was tried."""

    def __init__(self):
        self.tried, self.done = [], 0

    def begin(self, total, done):
        self.total, self.done = total, done

    def progress(self, attempt, fraction):
        pass

    def ended(self, attempt, line):
        self.tried.append((attempt.method, attempt.number, attempt.full))

    def note(self, sentence):
        pass


def tuned_suite(folder, **changes):
    suites = copy.deepcopy(TINY)
    suites["tiny"] |= {
        "seeds": {"shared": 1, "tuned": 1},
        "tune": {"configurations": 4},
        "recipe": {"epochs": 2, "batch": 32, "lr": 0.05},
    }
    suites["tiny"] |= changes
    (folder / "suites.yaml").write_text(yaml.dump(suites))


def search(methods=("dgl",), **more):
    listener = Listener()
    return tune("tiny", methods, listener, **more), listener


def trial(number, full, top1, early_origin="drawn", status="ok"):
    point = Configuration(number=number, origin=early_origin, recipe={"optimizer": "sgd", "lr": 0.1})
    reached = None if status != "ok" else top1
    facts = {"configuration": point, "full": full, "epochs": 4 if full else 1, "seed": 1000 + full}
    return Trial(**facts, status=status, validation_top1=reached, fingerprint=f"{number}{full}")


def search_of(trials, configurations=8, share=0.25):
    facts = {"suite": "s", "method": "m", "variant": "", "backbone": "b", "modules": 4, "protocol": 2}
    return Search(**facts, configurations=configurations, share=share, trials=trials)


def write_finished(folder, file, chosen, **what):
    """A search of four configurations that chose the first of them."""
    trials = [trial(n, False, 40.0 - n) for n in range(4)] + [trial(0, True, 50.0)]
    for place in (0, -1):
        trials[place] = trials[place].model_copy(update={"configuration": chosen})
    found = search_of(trials, 4).model_copy(update={"suite": "tiny", "method": file} | what)
    path = folder / "results" / "tuned" / "tiny" / f"{file}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(found.model_dump_json())
    return path


def test_a_share_goes_on_and_the_best_full_trial_is_chosen():
    short = [trial(n, False, top1) for n, top1 in enumerate([10, 50, 30, 70, 20, 60, 40, 0])]
    assert [c.number for c in search_of(short).promising] == [3, 5]
    assert [c.number for c in search_of(short, share=0.5).promising] == [3, 5, 1, 6]
    assert search_of(short).chosen is None
    full = [trial(3, True, 80.0), trial(5, True, 90.0)]
    assert search_of([*short, *full]).chosen.number == 5


def test_a_trial_that_broke_is_neither_promising_nor_chosen():
    short = [trial(n, False, 10 * n, status="diverged" if n == 7 else "ok") for n in range(8)]
    assert [c.number for c in search_of(short).promising] == [6, 5]
    full = [trial(6, True, 0, status="diverged"), trial(5, True, 11.0)]
    assert search_of([*short, *full]).chosen.number == 5


def test_equals_are_told_apart_by_the_short_trial_then_by_order():
    short = [trial(0, False, 40), trial(1, False, 60), trial(2, False, 60)]
    full = [trial(n, True, 99.0) for n in range(3)]
    assert search_of([*short, *full]).chosen.number == 1


def test_what_somebody_adds_is_never_chosen():
    trials = [trial(0, False, 30.0), trial(0, True, 50.0), trial(9, True, 99.0, "added")]
    assert search_of(trials).chosen.number == 0


def test_what_an_earlier_budget_paid_for_is_not_chosen():
    """Two more trained to the end, since the suite once said more, or one of the promising had failed at first."""
    short = [trial(n, False, top1) for n, top1 in enumerate([10, 50, 30, 70])]
    full = [trial(3, True, 80.0), trial(1, True, 90.0), trial(2, True, 95.0)]
    assert search_of([*short, *full], configurations=4).chosen.number == 3


def test_a_search_is_complete_when_the_budget_is_spent():
    short = [trial(n, False, top1, status="diverged" if n == 0 else "ok") for n, top1 in enumerate([0, 50, 30, 70])]
    assert not search_of(short[:3], 4).complete
    assert not search_of(short, 4).complete
    assert not search_of([*short, trial(1, True, 90.0)], 4).complete
    assert search_of([*short, trial(3, True, 0, status="diverged")], 4).complete


def test_all_trials_are_kept_and_none_is_made_again(workshop):
    tuned_suite(workshop)
    (first,), listener = search()
    assert listener.tried[:4] != []
    assert sorted(listener.tried[:4]) == [("dgl", n, False) for n in range(4)]
    assert len(listener.tried) == listener.total == 5
    assert {t.seed for t in first.trials} == {1000, 1001}
    assert [t.epochs for t in first.trials] == [1, 1, 1, 1, 2]
    assert all(t.seconds > 0 and t.validation_top1 is not None for t in first.trials)
    assert (first.backbone, first.modules) == ("cifar_resnet8", 2)
    again, listener = search()
    assert (listener.tried, listener.done) == ([], 5)
    assert again == [first] == [read_search("tiny", "dgl")]
    more, listener = search(further=1)
    assert listener.tried == [("dgl", 4, True)]
    assert more[0].trials[-1].configuration.origin == "added"
    assert more[0].chosen == first.chosen
    kept, listener = search()
    assert (kept, listener.tried, listener.done, listener.total) == (more, [], 5, 5), "what somebody added stays"
    with open(workshop / "methods" / "dgl.py", "a") as file:
        file.write("# another file\n")
    _, listener = search()
    assert len(listener.tried) == 5


def test_a_search_that_was_cut_short_goes_on(workshop, monkeypatch):
    tuned_suite(workshop)

    class Stop(Exception):
        pass

    class Impatient(Listener):
        def ended(self, attempt, line):
            super().ended(attempt, line)
            if len(self.tried) == 2:
                raise Stop

    with pytest.raises(Stop):
        tune("tiny", ["dgl"], Impatient(), jobs=1)
    assert len(read_search("tiny", "dgl").trials) == 2
    _, listener = search()
    assert listener.done == 2
    assert len(listener.tried) == 3


def test_what_another_process_adds_meanwhile_is_kept(workshop):
    tuned_suite(workshop)

    class Two(Listener):
        def ended(self, attempt, line):
            super().ended(attempt, line)
            if len(self.tried) == 1:
                search(further=1)

    tune("tiny", ["dgl"], Two(), jobs=1)
    numbers = [(t.full, t.configuration.number) for t in read_search("tiny", "dgl").trials]
    assert len(numbers) == len(set(numbers)) == 6
    assert (True, 4) in numbers


def test_a_trial_waits_for_another_process_that_writes(workshop):
    tuned_suite(workshop)
    plan = _Plan("tiny", load_suite("tiny"), "dgl", "data", TUNED, 0)
    cell, _, asked = plan._asked(plan.points[0], False)
    facts = {"full": False, "epochs": 1, "seed": cell.seed, "status": "ok", "validation_top1": 50.0}
    made = Trial(configuration=plan.points[0], fingerprint=asked, **facts)
    with ThreadPoolExecutor(1) as pool:
        with alone_with(TUNED / "tiny"):
            added = pool.submit(plan.add, made)
            with pytest.raises(TimeoutError):
                added.result(timeout=0.3)
            assert read_search("tiny", "dgl").trials == []
        added.result(timeout=60)
    assert read_search("tiny", "dgl").trials == [made]


def test_tuned_cells_train_by_what_was_chosen_beside_a_tuned_twin(workshop):
    tuned_suite(workshop, reference=[0.5], seeds={"tuned": 1})
    suite = load_suite("tiny")
    for method, lr in (("dgl", 0.3), ("e2ebp", 0.003)):
        chosen = Configuration(number=0, origin="drawn", recipe={"optimizer": "sgd", "lr": lr, "weight_decay": 0.0})
        write_finished(workshop, method, chosen)
    cell = Cell(suite="tiny", method="dgl", variant="", backbone="cifar_resnet8", modules=2, seed=0, recipe="tuned")
    trains = effective(suite, cell)
    assert (trains.recipe.lr, trains.recipe_of_twin.lr, trains.recipe.epochs) == (0.3, 0.003, 2)
    assert effective(suite, cell.model_copy(update={"recipe": None})) is suite
    watcher = Watcher()
    records = run_suite("tiny", ["dgl", "e2ebp"], watcher)
    assert watcher.notes[0].startswith("dgl, e2ebp: the recipe was searched with other files")
    assert [(r.identity.method, r.identity.recipe, r.identity.times) for r in records] == [
        ("dgl", "tuned", None),
        ("e2ebp", "tuned", None),
        ("e2ebp", "tuned", 0.5),
    ]
    assert [r.recipe["lr"] for r in records] == [0.3, 0.003, 0.003]
    assert [len(r.accuracy.curve) for r in records] == [2, 2, 1]
    assert records[1].cost.train_flops == 2 * records[2].cost.train_flops
    assert records[0].identity.file_stem == "cifar_resnet8-k2-s0-tuned"
    assert records[2].identity.file_stem == "cifar_resnet8-k1-s0-tuned-x0.5"
    tuned_suite(workshop)
    only = run_suite("tiny", ["dgl"], Watcher(), RunOptions(protocol="shared"))
    assert [r.identity.recipe for r in only] == [None]
    left = workshop / "results" / "runs" / "tiny" / "dgl"
    assert len(list(left.glob("*.json"))) == 2, "records of the other protocol stay"


def test_untuned_cells_are_one_sentence(workshop):
    tuned_suite(workshop)
    with pytest.raises(UserError, match="dgl is not tuned for suite tiny; run `beyond tune tiny --method dgl` first"):
        run_suite("tiny", ["dgl"], Watcher())
    assert run_suite("tiny", ["dgl"], Watcher(), RunOptions(protocol="shared"))
    tuned_suite(workshop, seeds=1)
    with pytest.raises(UserError, match="Suite 'tiny' is not tuned"):
        search()
    with pytest.raises(UserError, match="has no protocol 'tuned'; it has shared"):
        run_suite("tiny", ["dgl"], Watcher(), RunOptions(protocol="tuned"))


def test_a_file_that_is_no_search_is_one_sentence(workshop):
    path = workshop / "results" / "tuned" / "tiny" / "dgl.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"suite": "tiny"}))
    with pytest.raises(UserError, match=r"dgl.json is no search .*delete it and run `beyond tune tiny --method dgl`"):
        read_chosen("tiny", "dgl", Tune(configurations=4))


POINT = {"optimizer": "sgd", "lr": 0.1}


@pytest.mark.parametrize(
    ("recipe", "fault"),
    [
        (POINT | {"epochs": 400}, "changes 'epochs' of the recipe, and a search changes optimizer, lr, momentum, "),
        (POINT | {"lr": -1.0}, "lr of its recipe: Input should be greater than 0"),
        (POINT | {"lr": float("nan")}, "is no search"),
    ],
)
def test_a_configuration_that_no_search_tries_is_one_sentence(workshop, recipe, fault):
    tuned_suite(workshop)
    plain = Configuration(number=0, origin="drawn", recipe=POINT)
    write_finished(workshop, "e2ebp", plain)
    path = write_finished(workshop, "dgl", plain)
    found = json.loads(path.read_text())
    for each in found["trials"]:
        each["configuration"]["recipe"] = recipe
    path.write_text(json.dumps(found))
    with pytest.raises(UserError, match=fault):
        run_suite("tiny", ["dgl"], Watcher())


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda trials: trials.append(trials[-1]), "configuration 0 has two trials of as many epochs"),
        (lambda trials: trials[-1].update(validation_top1=None), "trials.4: Value error, it ended ok"),
        (lambda trials: trials[-1].update(status="failed"), "it ended failed, and an accuracy belongs to"),
        (lambda trials: trials[-1].update(validation_top1=101.0), "less than or equal to 100"),
        (lambda trials: trials[-1]["configuration"].update(options={"tau": 1}), "of configuration 0 are of different"),
        (lambda trials: trials[-1]["configuration"].update(number=-1), "greater than or equal to 0"),
        (lambda trials: trials[-1]["configuration"].update(number=10**9), "less than 2000"),
    ],
)
def test_trials_that_contradict_each_other_choose_nothing(workshop, damage, fault):
    path = write_finished(workshop, "dgl", Configuration(number=0, origin="drawn", recipe=POINT))
    found = json.loads(path.read_text())
    damage(found["trials"])
    path.write_text(json.dumps(found))
    with pytest.raises(UserError, match=f"dgl.json is no search .*{fault}.*delete it and run `beyond tune tiny"):
        read_chosen("tiny", "dgl", Tune(configurations=4))


def test_what_a_search_by_another_suite_adds_meanwhile_is_not_taken_for_its_own(workshop):
    tuned_suite(workshop)

    class Two(Listener):
        def ended(self, attempt, line):
            super().ended(attempt, line)
            if len(self.tried) == 3:
                tuned_suite(workshop, recipe={"epochs": 2, "batch": 16, "lr": 0.05})
                search()
                tuned_suite(workshop)

    (found,) = tune("tiny", ["dgl"], Two(), jobs=1)
    _, listener = search()
    assert (listener.tried, listener.done) == ([], 5)
    assert read_search("tiny", "dgl") == found


def test_records_of_another_recipe_are_not_replaced_without_a_word(workshop):
    tuned_suite(workshop)
    search(("dgl", "e2ebp"))
    watched(workshop)
    path = workshop / "results" / "tuned" / "tiny" / "dgl.json"
    found = read_search("tiny", "dgl")
    worst = next(t for t in found.trials if not t.full and t.configuration.number != found.chosen.number)
    edited = json.loads(path.read_text())
    for trial in edited["trials"]:
        same = trial["configuration"]["number"] == worst.configuration.number
        trial["validation_top1"] = 100.0 if same else 1.0
    edited["trials"].append(
        {**edited["trials"][-1], "configuration": json.loads(worst.configuration.model_dump_json())}
    )
    edited["trials"][-1]["fingerprint"] = "0" * 64
    path.write_text(json.dumps(edited))
    (said,) = (note for note in watched(workshop).notes if "another recipe" in note)
    assert said.startswith("dgl: the tuned records that are here are of another recipe than the search chooses now")


def test_a_search_of_another_or_of_another_budget_or_cut_short_trains_nothing(workshop):
    plain = Configuration(number=0, origin="drawn", recipe=POINT)
    path = write_finished(workshop, "dgl", plain, method="e2ebp")
    with pytest.raises(UserError, match=r"dgl.json holds the search of e2ebp in tiny; delete it if it is a copy"):
        read_chosen("tiny", "dgl", Tune(configurations=4))
    write_finished(workshop, "dgl", plain)
    assert read_chosen("tiny", "dgl", Tune(configurations=4)) == plain
    unfinished = "The search of dgl in suite tiny is not finished; `beyond tune tiny --method dgl` goes on"
    with pytest.raises(UserError, match=unfinished):
        read_chosen("tiny", "dgl", Tune(configurations=8))
    with pytest.raises(UserError, match=unfinished):
        read_chosen("tiny", "dgl", Tune(configurations=4, share=0.5))
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {"trials": found["trials"][:-1]}))
    with pytest.raises(UserError, match=unfinished):
        read_chosen("tiny", "dgl", Tune(configurations=4))


def test_options_are_of_the_variant_that_was_searched(workshop):
    tuned_suite(workshop)
    for method in ("man", "e2ebp"):
        options = {"head": "2c2f"} if method == "man" else {}
        chosen = Configuration(number=0, origin="drawn", recipe=POINT | {"lr": 0.5}, options=options)
        write_finished(workshop, method, chosen, variant="greedy" if method == "man" else "")
    cell = Cell(suite="tiny", method="man", variant="greedy", backbone="b", modules=2, seed=0, recipe="tuned")
    suite, other = load_suite("tiny"), cell.model_copy(update={"variant": "infopro"})
    assert [o.options for o in effective(suite, cell).overrides] == [{"head": "2c2f"}]
    assert effective(suite, other).overrides == []
    assert effective(suite, other).recipe.lr == 0.5


def test_a_recipe_that_was_searched_here_is_taken_without_a_word(workshop):
    tuned_suite(workshop)
    search(("dgl", "e2ebp"))
    said = [note for note in watched(workshop).notes if "searched" in note]
    assert said == []
    with open(workshop / "methods" / "dgl.py", "a") as file:
        file.write("# another file\n")
    (said,) = (note for note in watched(workshop).notes if "searched" in note)
    assert said.startswith("dgl: the recipe was searched with other files, settings, pictures or packages")


def watched(folder):
    watcher = Watcher()
    run_suite("tiny", ["dgl"], watcher, RunOptions(protocol="tuned"))
    return watcher


def test_a_crash_is_a_trial_that_failed(workshop, monkeypatch):
    tuned_suite(workshop)
    file = workshop / "methods" / "dgl.py"
    broken = "def local_loss(*_):\n        1 / 0\n\n    def unused("
    file.write_text(file.read_text().replace("def local_loss(", broken))
    (found,), _ = search()
    assert found.chosen is None
    assert {t.status for t in found.trials} == {"failed"}
    assert "ZeroDivisionError" in found.trials[0].error
    assert read_chosen("tiny", "dgl", Tune(configurations=4)).origin == "shared"  # so that its row says how it ends
