"""``beyond check``: a good file passes, and each fault is one sentence that says what is wrong."""

import io
import re

import pytest
import torch
from conftest import METHOD_IDS, ROOT, sampled
from rich.console import Console

from benchmark import cli
from benchmark.engine.load import load_method
from benchmark.engine.training.method import Method
from benchmark.sandbox.run import Ending, Limits
from benchmark.schema.plugins import METHODS, load_class
from benchmark.submitting.check import problem
from benchmark.submitting.check.findings import Failed, Finding, find
from benchmark.submitting.check.imports import check_imports
from benchmark.submitting.check.metadata import check_metadata
from benchmark.submitting.check.names import CHECKS, LOADS
from benchmark.submitting.check.sandboxed import _Relay, _shortened, print_findings
from benchmark.submitting.check.trials import TRIALS, check_growth, check_length, resumes
from benchmark.submitting.check.worker import check_method, run_checks

GREEDY = (ROOT / METHODS / "greedy_sl.py").read_text().replace("Greedy supervised learning", "Mine")
FLAT = "return h.sum() * 0\n\n    def output_loss(self, h, batch):\n        return h.sum() * 0"
VARIANTS = """    defaults = {"w": [1]}
    variants = {"a": {}, "b": {"w": 3}}

    def after_step(self, k):
        sum(self.options.w)

    def local_loss"""
BESIDE = """    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.beside = {0: nn.Linear(2, 2)}

    def local_loss"""
TRAINS_HALF = """    def phases(self):
        return (type(super().phases()[0])((0, 2, 3)),)

    def local_loss"""
FEWER = re.compile(r"labels ?= ?\"(none|pairs)\"")
HOT = "F.one_hot(batch.y, self.task.classes)"
LOSS = "return F.cross_entropy(self.auxiliaries[k](h), batch.y)"


def findings(tmp_path, text, until="cost"):
    found = {}
    for finding in check_method(written(tmp_path, text)):
        found[finding.check] = finding
        if finding.check == until:
            break
    return found


def written(tmp_path, text, name="mine"):
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    return path


LONGER = """    tunes = {"laps": [1, 3]}

    def phases(self):
        (phase,) = super().phases()
        return (type(phase)(phase.trains, share=float(self.options.laps)),)

    def local_loss"""


def test_no_option_that_is_tuned_makes_a_training_longer(tmp_path):
    text = GREEDY.replace("    def local_loss", LONGER, 1).replace("    defaults = {", '    defaults = {"laps": 1, ')
    if '"laps": 1' not in text:
        text = text.replace("    tunes =", '    defaults = {"laps": 1}\n    tunes =')
    method = load_class(written(tmp_path, text), Method)
    with pytest.raises(Failed, match="With laps = 3 it trains for 3 times the epochs, else for 1: `tunes` may name no"):
        TRIALS["cost"](method)


@pytest.mark.parametrize("name", sampled(METHOD_IDS, 3))  # of a new one: `beyond check`
def test_what_our_methods_tune_leaves_their_length(name):
    check_length(load_method(name))


def test_the_names_of_the_checks_are_those_of_the_trials():
    assert (LOADS, *TRIALS) == CHECKS


def test_a_good_method_passes_every_check(tmp_path):
    found = findings(tmp_path, GREEDY)
    assert list(found) == ["metadata", "imports", *CHECKS]
    assert [f.sentence for f in found.values() if not f.passed] == []
    assert "removes update and backward lock; requires any backbone" in found["metadata"].sentence
    assert "ViT (K=4)" in found["backbones"].sentence
    assert re.search(r"0\.\d\d times the memory", found["cost"].sentence)


@pytest.mark.parametrize(
    ("old", "new", "check", "sentence"),
    [
        ('title = "Mine"', 'name = "x"', "metadata", "defines no class with a literal `title`"),
        (LOSS, FLAT, "losses", "no loss fell"),
        (LOSS, LOSS + " * float('nan')", "losses", "became nan"),
        (LOSS, "return F.cross_entropy(self.auxiliaries[0](h), batch.y)", "backbones", "RuntimeError"),
        (LOSS, "return F.cross_entropy(self.modules[1](h).flatten(1)[:, :10], batch.y)", "isolation", "detach"),
        (LOSS, "return h.square().mean()", "weights", "auxiliary network never moves"),
        ("import torch.nn.functional", "1 / 0\nimport torch.nn.functional", "loads", "(ZeroDivisionError: "),
        (LOSS, "return self.options.smooting * h.sum()", "backbones", "smooting' (line 36 of the file)"),
        (LOSS, "return self.options.smooting * h.sum()", "backbones", "ResNet, K=2: AttributeError"),
        ("def local_loss", "def locl_loss", "loads", "`locl_loss` is no part of LocalMethod, and is never used; did"),
        ("def local_loss", "def the_objective", "backbones", "GreedySL must define `local_loss(k, h, batch)`."),
        ("    def local_loss", TRAINS_HALF, "weights", "No phase trains module 1"),
        ("local_loss(self, k: int, h: Tensor", "local_loss(self, h: Tensor", "loads", "take (self, k, h, batch)"),
        ('"optimizer": "sgd"', '"optimizer": "sdg"', "loads", "timm has no optimiser 'sdg'; did you mean sgd"),
        (LOSS, f"batch.y.zero_()\n        {LOSS}", "losses", "A step changes `batch.y`"),
        (LOSS, f"self.modules[k].eval()\n        {LOSS}", "losses", "changes train or eval mode of module 0"),
        ("    def local_loss", VARIANTS, "backbones", "Variant 'b': TypeError: 'int' object is not iterable (line "),
        (LOSS, f"{LOSS} + 0 * (self.auxiliaries[k](h) @ {HOT}.float().T).sum()", "backbones", "In float64, as `beyond"),
        ("    def local_loss", BESIDE, "resume", "`beside` holds weights that no optimiser"),
        ("", "", "seed", "same seed gives other losses")
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence(tmp_path, old, new, check, sentence):
    assert old in GREEDY
    if check == "seed":
        text = GREEDY.replace("class GreedySL", "SEEN = []\n\n\nclass GreedySL")
        text = text.replace(LOSS, "SEEN.append(k)\n        " + LOSS + " * len(SEEN)")
    else:
        text = GREEDY.replace(old, new)
    path = written(tmp_path, text)
    found = {f.check: f for f in (check_method(path) if check == "metadata" else run_checks(path, [check]))}
    assert not found[check].passed
    assert sentence in found[check].sentence
    assert "\n" not in found[check].sentence


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("self.modules.train()", "Predicting moves weights or buffers"),
        ("[p.data.mul_(0.5) for p in self.auxiliaries.parameters()]", "Predicting moves weights or buffers"),
        ("x.new_empty(1).uniform_()", "other losses after an evaluation"),
        ("self.options.scale = 2", "other losses after an evaluation"),
    ],
)
def test_an_evaluation_that_leaves_a_trace_is_found(tmp_path, line, sentence):
    predict = f"    def predict(self, x: Tensor) -> Tensor:\n        {line}\n        return super().predict(x)\n\n"
    text = GREEDY.replace("    def local_loss", predict + "    def local_loss").replace(
        LOSS, LOSS + " * getattr(self.options, 'scale', 1) * h.new_empty(1).uniform_().item()"
    )
    (_, finding) = run_checks(written(tmp_path, text), [LOADS, "evaluation"])
    assert not finding.passed
    assert sentence in finding.sentence


def test_a_base_may_be_named_with_its_package_and_stand_behind_another(tmp_path):
    text = GREEDY.replace("(LocalMethod)", "(Mixed, benchmark.LocalMethod)")
    assert "weakly modular, removes update and backward lock" in check_metadata(written(tmp_path, text))


def test_a_frozen_weight_of_an_auxiliary_network_stays_on_purpose(tmp_path):
    head = "heads.LinearHead(self.outputs[k], self.task.classes)"
    frozen = f"nn.Sequential({head}, nn.Linear(10, 10).requires_grad_(False))"
    found = variant(tmp_path, GREEDY.replace(head, frozen))["weights"]
    assert found.passed, found.sentence


def test_a_teacher_that_is_a_moving_average_of_a_frozen_network_is_no_fault(tmp_path):
    """As in mean teachers and BYOL: no optimiser moves it, `after_step` does."""
    head = "heads.LinearHead(self.outputs[k], self.task.classes)"
    pair = f"nn.ModuleList([{head}, {head}.requires_grad_(False)])"
    teach = f"""student, teacher = self.auxiliaries[k]
        return {LOSS.removeprefix("return ").replace("self.auxiliaries[k]", "student")}

    @torch.no_grad()
    def after_step(self, k: int) -> None:
        if k < self.last:
            student, teacher = self.auxiliaries[k]
            for old, new in zip(teacher.parameters(), student.parameters()):
                old.lerp_(new, 0.01)"""
    text = GREEDY.replace(head, pair).replace(LOSS, teach)
    found = variant(tmp_path, text.replace("import torch.nn", "import torch\nimport torch.nn", 1))["weights"]
    assert found.passed, found.sentence


@pytest.mark.parametrize(
    ("labels", "loss", "sentence"),
    [
        ("none", LOSS, "says that its labels are 'none', but other labels change what it learns: say in `labels`"),
        ("pairs", LOSS, "says that its labels are 'pairs', but other names of the same classes change what it"),
        ("pairs", "return h.flatten(1)[batch.y[:, None].eq(batch.y).float().argmax(1)].square().mean()", ""),
        ("none", "return h.square().mean()", ""),
    ],
)
def test_what_a_method_says_that_it_learns_from_is_tried(tmp_path, labels, loss, sentence):
    text = GREEDY.replace(LOSS, loss).replace(SAYS, f'{SAYS}    readout = True\n    labels = "{labels}"\n')
    (found,) = run_checks(written(tmp_path, text), ["labels"])
    assert found.passed == (not sentence), found.sentence
    assert sentence in found.sentence


@pytest.mark.parametrize("name", [name for name in METHOD_IDS if FEWER.search((METHODS / f"{name}.py").read_text())])
def test_what_our_methods_say_that_they_learn_from_is_so(name):
    assert "as declared" in TRIALS["labels"](load_method(name))


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ("torch.set_grad_enabled(False)", "whether gradients are computed"),
        ("torch.autograd.set_detect_anomaly(True)", "the search for anomalies"),
    ],
)
def test_an_import_that_changes_the_process_is_found(tmp_path, line, setting):
    text = GREEDY.replace("import torch.nn", f"import torch\n\n{line}\nimport torch.nn", 1)
    with torch.enable_grad(), torch.autograd.set_detect_anomaly(False):  # whose end puts the setting back
        (finding,) = run_checks(written(tmp_path, text), [LOADS])
    assert f"Importing it changes {setting} of the process" in finding.sentence


def test_pictures_that_gather_in_an_attribute_are_found(tmp_path):
    text = GREEDY.replace(LOSS, f"vars(self).setdefault('kept', []).append(batch.x)\n        {LOSS}")
    with pytest.raises(Failed, match=r"3 more steps attributes of the method hold .* bytes more: keep nothing"):
        check_growth(problem.make(load_class(written(tmp_path, text), Method), "ResNet", 2))


def test_a_sentence_is_shown_once():
    first, again = Finding("backbones", False, "ResNet, K=2: no."), Finding("seed", False, "no.")
    assert _shortened(again, [first]).sentence == "The same as at `backbones`."
    assert _shortened(Finding("seed", True, "no."), [first]).sentence == "no."


def test_a_helper_may_have_a_name_like_one_of_the_contract(tmp_path):
    helper = "    def label(self, batch: Batch) -> Tensor:\n        return batch.y\n\n    def local_loss"
    text = GREEDY.replace("    def local_loss", helper).replace(LOSS, LOSS.replace("batch.y", "self.label(batch)"))
    assert [f.passed for f in run_checks(written(tmp_path, text), [LOADS])] == [True]


def refusing(text, when):
    """A method's file that refuses some networks."""
    refusal = f"if {when}:\n            raise UserError('No tokens, please.')\n        "
    text = text.replace("return None if k == self.last else", f"{refusal}return None if k == self.last else")
    return text.replace("from benchmark import", "from benchmark.errors import UserError\nfrom benchmark import")


def test_what_a_method_requires_is_shown_and_its_refusals_are_no_fault(tmp_path):
    text = refusing(GREEDY, "self.outputs[0].layout == 'NLC'")
    text = text.replace("    year = 2021", '    year = 2021\n    requires = "maps"')
    found = findings(tmp_path, text, until="backbones")
    assert "requires maps" in found["metadata"].sentence
    assert "refuses ViT (K=2), ViT (K=4), as declared" in found["backbones"].sentence
    undeclared = findings(tmp_path, text.replace('requires = "maps"', 'requires = ""'), until="backbones")
    assert "No tokens, please. Say in `requires`" in undeclared["backbones"].sentence


def test_a_method_of_networks_of_a_kind_is_checked_on_the_first_that_it_takes(tmp_path):
    """It refuses all but vectors, so the perceptron is left; who refuses that, too, is told so."""
    text = refusing(GREEDY, "self.outputs[0].layout != 'NC'")
    said = text.replace("    year = 2021", '    year = 2021\n    requires = "vectors"\n    everywhere = False')
    found = findings(tmp_path, said)
    assert [f.sentence for f in found.values() if not f.passed] == []
    assert "Runs on perceptron (K=2), perceptron (K=4); refuses ResNet (K=2)" in found["backbones"].sentence
    assert problem.home(load_class(tmp_path / "mine.py", Method)) == "perceptron"
    none = findings(tmp_path, said.replace("!= 'NC'", "!= 'none'"), until="isolation")
    assert "It refuses a ResNet, a ViT, a ConvNeXt and a perceptron" in none["backbones"].sentence
    assert none["isolation"].sentence == "No tokens, please."


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("Mine-2", "", "", "is no method id"),
        ("mine", "https://", "javascript:", "must be the paper's address"),
        ("mine", 'title = "Mine"', 'title = "deep CASCADE learning"', "is that of methods/deep_cascade.py already"),
        ("mine", "    year = 2021", "    year = '2021'", "must be a literal int"),
        ("mine", "    year = 2021", "    year = 2021\n    variants = {[]: 1}", "cannot be read (TypeError"),
        ("mine", "class GreedySL", "class GreedySL(", "syntax error"),
        (
            "mine",
            "    year = 2021",
            "    year = 2021\n    variants = {1: {}}",
            "`variants` holds a key of type int",
        ),
        (
            "mine",
            "    year = 2021",
            "    year = 2000 + 21 * len('')",
            "computes `year`, which is read without running the file",
        ),
        ("mine", "    year = 2021", "    year = 2021\n    variants = {'../x': {}}", "variant '../x' needs a name"),
        ("mine", "    year = 2021", "    year = 2021\n    variants = {'x': {'w': 1}}", "sets 'w', which is no option"),
        ("mine", "    year = 2021", "    year = 2021\n    removes = ([],)", "there is no lock [] to remove"),
        ("mine", "    year = 2021", "    year = 2021\n    views = 3", "`views` is 3; a batch has 1 or 2"),
        ("mine", "    year = 2021", "    year = 2021\n    readout = 'yes'", "must be a literal bool"),
        ("mine", "    year = 2021", "    year = 2021\n    everywhere = False", "`requires` must say which networks"),
        ("mine", "    year = 2021", "    year = 2021\n    labels = 'some'", "`labels` is 'some'; it may be full"),
        ("mine", '"lr": 0.8', '"lr": "0.8"', "'0.8' is text, where a number is meant"),
        ("mine", "(LocalMethod)", "(Greedy)", "must derive from Method, LocalMethod, ModularMethod, by that name"),
    ],
)
def test_wrong_metadata_are_one_sentence(tmp_path, name, old, new, sentence):
    assert old in GREEDY
    found = find("metadata", lambda: check_metadata(written(tmp_path, GREEDY.replace(old, new), name)))
    assert not found.passed
    assert sentence in found.sentence


def test_a_file_without_docstring_fails(tmp_path):
    with pytest.raises(Failed, match="no docstring"):
        check_metadata(written(tmp_path, re.sub('""".*?"""', "", GREEDY, count=1, flags=re.DOTALL)))


@pytest.mark.parametrize("name", METHOD_IDS)
def test_all_committed_methods_have_good_metadata_and_imports(name):
    path = METHODS / f"{name}.py"
    assert check_metadata(path)
    assert check_imports(path).startswith("Imports ")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("import os", "Line 1 imports os; a method touches no files"),
        ("import random", "Line 1 imports random; draw from torch's global generator"),
        ("from sklearn import datasets", "Line 1 imports sklearn; its data sets hold test labels"),
        ("from benchmark.engine import cell", "Line 1 imports benchmark.engine"),
        ("from . import other", "Line 1 imports ."),
        ("import torch.hub", "Line 1 imports torch.hub"),
        ("from torch import load", "Line 1 imports torch.load"),
        ("import torch as t; t.save(1, 'x')", "Line 1 uses torch.save"),
        ("x = open('x')", "Line 1 uses open()"),
        ("x = [__import__('os')]", "Line 1 uses __import__()"),
        ("def f(open, input): return open(input)", "Line 1 uses open()"),
        ("x = ().__class__.__subclasses__()", "Line 1 uses __subclasses__"),
        ("def f(): pass\nx = f.__globals__", "Line 2 uses __globals__"),
        ("x = f(pretrained=True)", "Line 1 uses pretrained; all methods start from the same weights, of a seed."),
        ("x.backward()", "Line 1 uses backward(); the engine propagates back each loss"),
        ("x.backward(retain_graph=True)", "Line 1 uses backward(); the engine propagates back each loss"),
        ("from torch.optim import SGD", "Line 1 imports torch.optim; the engine steps each module"),
        ("import torch; x = torch.optim.SGD", "Line 1 uses torch.optim; the engine steps each module"),
        ("import torch; f = torch.compile(abs)", "Line 1 uses torch.compile; the file may start no compiler"),
        ("import torch.nn.functional as F; F.relu = abs", "Line 1 changes torch.nn.functional.relu, which all other"),
        ("from torch import nn; setattr(nn.Linear, 'a', 1)", "Line 1 changes torch.nn.Linear, which all other"),
        ("import torch; del torch.backends.cudnn.benchmark", "Line 1 changes torch.backends.cudnn.benchmark, which"),
    ],
)
def test_what_a_file_may_not_use_is_named_with_its_line(tmp_path, line, sentence):
    with pytest.raises(Failed, match=re.escape(sentence)):
        check_imports(written(tmp_path, line))


def test_what_is_a_files_own_may_be_changed(tmp_path):
    text = """from copy import copy
from benchmark import heads

copy = copy(heads.LinearHead)
copy.x = 1


def f(part, heads, g):
    setattr(part, 'x', 1)
    heads.x = 1
    part.backward(g)
    g(pretrained=False).backward(inputs=[part])
"""
    assert check_imports(written(tmp_path, text))


def test_a_parameter_may_have_the_name_of_a_builtin(tmp_path):
    assert check_imports(written(tmp_path, "def forward(input): return 2 * input"))


SCALED = """

class Scaled(nn.Sequential):
    def __init__(self, head):
        super().__init__(head)
        self.scale = head.linear.weight.detach()
"""
HIDDEN_STATE = """        self.seen = getattr(self, "seen", 0) + 1
        return F.cross_entropy(self.auxiliaries[k](h), batch.y) * self.seen"""


def test_state_outside_the_checkpoint_is_found(tmp_path):
    text = GREEDY.replace("        " + LOSS, HIDDEN_STATE)
    with pytest.raises(Failed, match="resumed goes on with other losses: keep what lives from step to step"):
        resumes(load_class(written(tmp_path, text), Method))


def test_a_plain_tensor_of_an_auxiliary_network_is_found(tmp_path):
    head = "heads.LinearHead(self.outputs[k], self.task.classes)"
    text = GREEDY.replace(head, f"Scaled({head})") + SCALED
    with pytest.raises(Failed, match="`scale` of Scaled is a plain tensor"):
        resumes(load_class(written(tmp_path, text), Method))


def test_a_pipeline_may_refill_when_resumed():
    assert "its pipeline refills for 3 steps" in resumes(load_method("features_replay"))


def test_the_pictures_of_the_sandbox_are_those_of_the_test_and_no_others(tmp_path, monkeypatch):
    problem.write_pictures(tmp_path / "pictures.npz")
    wanted = problem.pictures()
    monkeypatch.setattr(problem, "given", [])
    problem.take_pictures(tmp_path / "pictures.npz")
    problem.pictures.cache_clear()
    for a, b in zip(problem.pictures(), wanted, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)
    assert sum(map(len, wanted)) == 1797 - 449
    problem.given.clear()
    problem.pictures.cache_clear()


def relayed(*messages, ending=None):
    told = []
    relay = _Relay(["loads", "losses", "seed"], lambda name: None, told.append)
    for message in messages:
        relay.hear(message)
    if ending:
        relay.broken(ending, Limits(seconds=7))
    return told, relay.waiting


def ended(check, passed=True):
    return {"finding": {"check": check, "passed": passed, "sentence": "So.\x1b[2J"}}


def test_only_what_fits_is_heard_of_the_worker_and_its_text_steers_no_terminal():
    told, waiting = relayed({"begins": "loads"}, ended("seed"), {"finding": 3}, {"begins": []}, ended("loads"))
    assert told == [Finding("loads", True, "So. [2J")]
    assert waiting == ["losses", "seed"]


def test_a_finding_is_heard_once_however_often_it_is_sent():
    told, waiting = relayed({"begins": "loads"}, *[ended("loads")] * 3, {"begins": "losses"}, *[ended("losses")] * 3)
    assert [finding.check for finding in told] == ["loads", "losses"]
    assert waiting == ["seed"]


def test_a_file_that_does_not_load_is_not_checked_further():
    assert relayed(ended("loads", passed=False))[1] == []


@pytest.mark.parametrize(
    ("how", "sentence", "waiting"),
    [
        ("crash", "Its process was killed by signal 11.", ["seed"]),
        ("done", "Its process ended by itself in the middle of the check; do not exit.", ["seed"]),
        (
            "timeout",
            "stopped in this one after 7 seconds, the time limit; look for a loop without an end. Not chec",
            [],
        ),
    ],
)
def test_a_process_that_dies_in_a_check_fails_that_check_and_the_others_go_on(how, sentence, waiting):
    ending = Ending(how, "Its process was killed by signal 11.")
    told, left = relayed(ended("loads"), {"begins": "losses"}, ending=ending)
    assert (told[-1].check, told[-1].passed, left) == ("losses", False, waiting)
    assert sentence in told[-1].sentence


EXITS = """    def predict(self, x: Tensor) -> Tensor:
        import os

        os._exit(3)

    def local_loss"""


def test_a_file_is_checked_in_the_sandbox_and_goes_on_after_a_crash(tmp_path):
    output = io.StringIO()
    path = written(tmp_path, GREEDY.replace("    def local_loss", EXITS))
    assert not print_findings(path, Console(file=output, width=200))
    lines = [line for line in output.getvalue().splitlines() if line.startswith(("✓", "✗"))]
    assert [line.split()[1] for line in lines] == ["metadata", "imports", *CHECKS]
    assert [line for line in lines if line.startswith("✗")] == [
        "✗ imports    Line 36 imports os; a method touches no files and no processes.",
        "✗ evaluation Its process ended with exit code 3.",
        "✗ company    The same as at `evaluation`.",
    ]


def test_a_file_that_is_not_there_is_the_users_mistake(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["beyond", "check", "methods/nothing.py"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    assert "There is no file methods/nothing.py." in capsys.readouterr().err


def test_on_a_terminal_a_line_keeps_its_mark_and_name_beside_the_live_bar(monkeypatch):
    finding = Finding("metadata", True, "A fine [file].")
    monkeypatch.setattr("benchmark.submitting.check.sandboxed.check_sandboxed", lambda path, begin, tell: tell(finding))
    output = io.StringIO()
    assert print_findings(ROOT / METHODS / "dgl.py", Console(file=output, width=200, force_terminal=True))
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.getvalue())
    assert "✓ metadata   A fine [file].\n" in plain


NORMS = """    def __init__(self, *arguments):
        super().__init__(*arguments)
        for part in self.modules.modules():
            if "Norm" in type(part).__name__:
                part.requires_grad_(False)

    def local_loss"""
SAYS = "    year = 2021\n"
HEBB = """        pull = -(h * h.detach()).mean()
        return pull - pull.detach()  # Hebb's rule, dW = y x^T, as a gradient; its value says nothing"""


def variant(tmp_path, text):
    """The class of a changed file, and whether it passes the check of weights and of losses."""
    path = written(tmp_path, text)
    found = find("metadata", lambda: check_metadata(path))
    assert found.passed, found.sentence
    loaded = load_class(path, Method)
    return {name: find(name, lambda name=name: TRIALS[name](loaded)) for name in ("weights", "losses")}


@pytest.mark.parametrize("name", ["random_features", "untrained"])
def test_a_method_that_leaves_weights_alone_on_purpose_passes_every_check(name):
    found = list(check_method(METHODS / f"{name}.py"))
    assert [f.sentence for f in found if not f.passed] == []
    assert [f.check for f in found] == ["metadata", "imports", *CHECKS]


@pytest.mark.parametrize(
    ("name", "literal", "sentence"),
    [
        ("random_features", 'leaves = ("hidden",)', "A weight of module 0 or its auxiliary network never moves"),
        ("untrained", 'leaves = ("hidden", "output")', "No phase trains module 0"),
        ("untrained", 'leaves = ("hidden",)', "No phase trains module 3"),
    ],
)
def test_who_leaves_weights_alone_and_does_not_say_so_fails(tmp_path, name, literal, sentence):
    text = (METHODS / f"{name}.py").read_text()
    said = literal if literal not in text else None
    text = text.replace('leaves = ("hidden", "output")', said) if said else text.replace(f"    {literal}\n", "")
    found = variant(tmp_path, re.sub('title = ".*"', 'title = "Mine"', text))["weights"]
    assert not found.passed
    assert sentence in found.sentence
    assert "on purpose" in found.sentence  # what `leaves` is for


@pytest.mark.parametrize("word", ["hidden", "output", "norms", "biases"])
def test_who_says_that_weights_are_left_and_moves_them_fails(tmp_path, word):
    found = variant(tmp_path, GREEDY.replace(SAYS, f'{SAYS}    leaves = ("{word}",)\n'))["weights"]
    assert not found.passed
    assert f"A weight moves that `leaves` says is left alone ('{word}')" in found.sentence


def test_frozen_norms_pass_if_they_are_said(tmp_path):
    frozen = GREEDY.replace("    def local_loss", NORMS)
    assert not variant(tmp_path, frozen)["weights"].passed
    found = variant(tmp_path, frozen.replace(SAYS, f'{SAYS}    leaves = ("norms",)\n'))
    assert [f.sentence for f in found.values() if not f.passed] == []
    assert found["weights"].sentence.endswith("moves; norms stay as they are, as declared.")


def test_losses_that_only_carry_gradients_need_not_fall_if_that_is_said(tmp_path):
    said = f'{SAYS}    readout = True\n    labels = "none"\n    descends = False\n\n'
    start, _, end = GREEDY.partition("    def auxiliary")
    hebbian = start.replace(SAYS, said) + "    def local_loss" + end.partition("    def local_loss")[2]
    hebbian = hebbian.replace("        " + LOSS, HEBB)
    found = variant(tmp_path, hebbian)
    assert [f.sentence for f in found.values() if not f.passed] == []
    assert "need not fall, as declared" in found["losses"].sentence
    silent = variant(tmp_path, hebbian.replace("    descends = False\n", ""))["losses"]
    assert not silent.passed
    assert "In phase 0 no loss fell" in silent.sentence


@pytest.mark.parametrize(
    ("literal", "sentence"),
    [
        ('leaves = ("everything",)', "there are no weights 'everything' to leave; say some of hidden, output, norms"),
        ("leaves = ([],)", "there are no weights [] to leave"),
        ('leaves = "hidden"', "`leaves` is 'hidden', but must be a literal tuple"),
        ("leaves = tuple(['hidden'])", "computes `leaves`, which is read without running the file"),
        ("descends = 0", "`descends` is 0, but must be a literal bool"),
    ],
)
def test_what_is_left_alone_is_said_in_known_words(tmp_path, literal, sentence):
    found = find("metadata", lambda: check_metadata(written(tmp_path, GREEDY.replace(SAYS, f"{SAYS}    {literal}\n"))))
    assert not found.passed
    assert sentence in found.sentence
