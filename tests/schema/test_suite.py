"""What ``suites.yaml`` may say: every slip is one sentence that names file and place, before anything trains."""

import copy
from itertools import pairwise

import pytest
import yaml
from conftest import ROOT
from workshop import TINY, changed, mistake, run, workshop, write_suites

from benchmark.errors import UserError
from benchmark.running.preflight import preflight
from benchmark.schema.fingerprint import fingerprint
from benchmark.schema.record import read_records
from benchmark.schema.suite import Cell, Suite, cells, identify, load_suite, load_suites
from benchmark.tables.files import write_tables

__all__ = ["workshop"]
RECIPE = TINY["tiny"]["recipe"]
TWO = [{"name": "cifar_resnet8"}, {"name": "cifar_resnet8", "kwargs": {"stem_stride": 2}}]
BOMB = "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi"))


def refused(tmp_path, text: str | bytes) -> str:
    """The sentence with which a file is refused."""
    path = tmp_path / "suites.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as refusal:
        load_suites(path)
    sentence = str(refusal.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    assert len(sentence) < 900
    return sentence.removeprefix(str(path))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"backbones": TWO}, "two backbones are called cifar_resnet8; give one a label of its own"),
        ({"backbones": [TWO[0], TWO[1] | {"label": "resnet"}]}, "label 'resnet' must begin with cifar_resnet8_"),
        ({"backbones": [{"name": "../x"}]}, "'../x' is no name of a backbone"),
        ({"backbones": [{"name": "a-k2"}]}, "'a-k2' is no name of a backbone"),
        ({"backbones": []}, "tiny.backbones: List should have at least 1 item"),
        ({"backbones": [{"name": "x", "kwargs": {"a": float("nan")}}]}, "the number nan cannot be written"),
        ({"backbones": [{"name": "x", "kwargs": {"a": {1}}}]}, "a value of type set cannot be written"),
        ({"backbones": [{"name": "x", "cuts": {4: ["a"]}}]}, "cuts names 1 cut points for 4 modules"),
        ({"backbones": [{"name": "x", "cuts": {True: []}}]}, "a whole number is meant, not true"),
        ({"modules": []}, "tiny.modules: List should have at least 1 item"),
        ({"modules": [2, 2]}, "modules has 2 twice"),
        ({"seeds": {}}, "tiny.seeds: Value should have at least 1 item"),
        ({"seeds": {"fast": 1}}, "tiny.seeds.fast: Input should be 'shared', 'tuned' or 'paper'"),
        ({"seeds": {"shared": 0}}, "tiny.seeds.shared: Input should be greater than 0"),
        ({"tune": {"configurations": 6}}, "tiny.tune: a share of 0.25 of 6 configurations is 1.5, not whole"),
        ({"tune": {"configurations": 10**9}}, "tiny.tune.configurations: Input should be less than or equal to 32"),
        ({"reference": [1]}, "reference has 1, which is trained anyway"),
        ({"reference": [2, 2.0000001]}, "reference has 2, which is trained anyway"),
        ({"reference": [0]}, "tiny.reference.0: Input should be greater than 0"),
        ({"reference": [1e9]}, "tiny.reference.0: Input should be less than or equal to 1000"),
        ({"reference": [float("nan")]}, "tiny.reference.0: Input should be a finite number"),
        ({"methods": []}, "tiny.methods: List should have at least 1 item"),
        ({"methods": ["dgl", "dgl"]}, "methods has dgl twice"),
        ({"best": {"methods": ["dgl", "dgl"], "seeds": 3}}, "best.methods has dgl twice"),
        ({"methods": ["e2ebp"], "best": {"methods": ["dgl"], "seeds": 3}}, "best.methods has dgl, which the suite's"),
        ({"best": {"methods": ["dgl"], "seeds": 2}}, "best.seeds is 2, and all methods have 2"),
        ({"methods": ["dgl"], "seeds": {"tuned": 1}}, "methods lacks e2ebp, whose recipe is tuned too"),
        ({"methods": ["dgl"], "reference": [2]}, "methods lacks e2ebp"),
        ({"recipe": RECIPE | {"precision": "fp16"}}, "tiny.recipe.precision: Input should be 'fp32', 'tf32' or 'bf16'"),
        ({"modules": [0]}, "tiny.modules.0: Input should be greater than 0 (it is 0)"),
        ({"modules": [-3]}, "tiny.modules.0: Input should be greater than 0 (it is -3)"),
        ({"modules": [True]}, "tiny.modules.0: a whole number is meant, not true"),
        ({"modules": [2.5]}, "tiny.modules.0: Input should be a valid integer"),
        ({"modules": 4}, "tiny.modules: Input should be a valid list (it is 4)"),
        ({"seeds": True}, "tiny.seeds.shared: a whole number is meant, not true"),
        ({"seeds": 0}, "tiny.seeds.shared: Input should be greater than 0"),
        ({"seeds": 10**9}, "tiny.seeds.shared: Input should be less than or equal to 1000"),
        ({"limit": 0}, "tiny.limit: Input should be greater than 0"),
        ({"limit": False}, "`limit` is false"),
        ({"validation": 1.0}, "tiny.validation: Input should be less than 1"),
        ({"validation": float("nan")}, "tiny.validation: Input should be a finite number"),
        ({"timeout_minutes": float("inf")}, "tiny.timeout_minutes: Input should be a finite number"),
        ({"title": True}, "`title` is true"),
        ({"title": ""}, "tiny.title: String should have at least 1 character"),
        ({"recipe": RECIPE | {"lr": float("inf")}}, "tiny.recipe.lr: Input should be a finite number (it is inf)"),
        ({"recipe": RECIPE | {"lr": float("nan")}}, "tiny.recipe.lr: Input should be a finite number"),
        ({"recipe": RECIPE | {"lr": -0.1}}, "tiny.recipe.lr: Input should be greater than 0 (it is -0.1)"),
        ({"recipe": RECIPE | {"lr": 1e300}}, "recipe.lr is 1e+300, and more than 1,000 is a slip"),
        ({"recipe": RECIPE | {"lr": True}}, "`lr` is true, which is yes or no"),
        ({"recipe": RECIPE | {"epochs": True}}, "`epochs` is true"),
        ({"recipe": RECIPE | {"epochs": 10**12}}, "recipe.epochs is 1e+12"),
        ({"recipe": RECIPE | {"warmup_epochs": 30}}, "warmup_epochs is longer than the training of 1 epochs"),
        ({"recipe": [1]}, "tiny.recipe: Input should be a valid dictionary"),
        ({"overrides": [{"method": "dgl", "backbone": "vgg", "options": {}}]}, "no backbone 'vgg' to match"),
        ({"overrides": [{"method": "dgl", "modules": 3, "options": {}}]}, "no K = 3 to match; there are 2"),
        ({"overrides": [{"method": "dgl", "options": {"a": float("inf")}}]}, "the number inf cannot be written"),
        ({"epoch": 3}, "tiny.epoch: Extra inputs are not permitted."),
    ],
)  # fmt: skip
def test_a_slip_is_one_sentence_with_file_and_place(tmp_path, changes, sentence):
    found = refused(tmp_path, yaml.dump(changed(**copy.deepcopy(changes))))
    assert found.startswith(": tiny")
    assert sentence in found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: {}\nb: {}\na: {}\n", ": line 3 says `a` a second time"),
        ("a:\n  title: x\n  recipe: {lr: 1, epochs: 2,\n   lr: 3}\n", ": line 4 says `lr` a second time"),
        ("a:\n  cuts: {2: [x], '2': [y]}\n", ": line 2 says `2` a second time"),
        ("- a\n- b\n", " is a list, but must hold a block"),
        ("digits\n", " is a single value, but must hold a block"),
        ("3\n", " is a single value"),
        ("a: 3\n", ": a: Input should be a valid dictionary"),
        ("Not-An-Id: {}\n", ": Not-An-Id is no name of a suite"),
        ("../x: {}\n", ": ../x is no name of a suite"),
        ("1: {}\n", ": 1 is no name of a suite"),
        ('"a\\n": {}\n', ": a  is no name of a suite"),
        ("? [a]\n: 1\n", ": line 1 is a list or a block where a name is meant"),
        ("a: {[]: 1}\n", ": line 1 is a list or a block where a name is meant"),
        (BOMB, "stands for more than 20,000 values"),
        ("a: &a\n  b: *a\n", "is nested too deeply, or in itself"),
        ("a: " + "[" * 5000 + "]" * 5000, "deeper than can be read"),
        ("a: " + "[" * 50 + "]" * 50, "is nested too deeply"),
        ("a: " + "9" * 6000, ": line 1 has a whole number of 6,000 digits"),
        ("a: {title: x,\n  seeds: 0x" + "f" * 6000 + "}", ": line 2 has a whole number of 6,002 digits"),
        ("0b" + "1" * 500 + ": {}", ": line 1 has a whole number of 502 digits"),
        ("a: 2020-13-45\n", " has a value that cannot be read (month must be in 1..12"),
        ('a: {title: "x\\u202ey"}\n', ": line 1 has a character that shows as nothing (U+202E)"),
        ("a: {title: x\u200by}\n", " has a character in line 1 that shows as nothing (U+200B)"),
        ("a: {title: é}\n".encode("latin-1"), " is no UTF-8 text (line 1); save it as UTF-8."),
        ("a: {}\n".encode("utf-16"), " begins with a byte order mark"),
        ("a: {}\n".encode("utf-8-sig"), " begins with a byte order mark"),
        (b"a: {}\0\n", " has a character in line 1 that shows as nothing (U+0000)"),
        ("# " + "x" * 300_000, " is larger than 256 KiB"),
        ("a: !!python/object/apply:os.system ['false']\n", " is not valid YAML"),
        ("a: {}\n---\nb: {}\n", " is not valid YAML"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_one_sentence(tmp_path, text, sentence):
    assert sentence in refused(tmp_path, text)


def test_honest_yaml_passes(tmp_path):
    """Aliases and merges, text beyond ASCII, whole numbers for fractions, and CRLF."""
    one, two = yaml.safe_dump(TINY["tiny"]), "two:\n  <<: *one\n  title: Pérez × Ωmega\n  timeout_minutes: 5\n"
    text = "tiny: &one\n" + "".join(f"  {line}\n" for line in one.splitlines()) + two
    (tmp_path / "suites.yaml").write_bytes(text.replace("\n", "\r\n").encode())
    found = load_suites(tmp_path / "suites.yaml")
    assert found["two"].title == "Pérez × Ωmega"
    assert found["two"].recipe == found["tiny"].recipe


LABELLED = [TWO[0], TWO[1] | {"label": "cifar_resnet8_stride2"}]


def test_two_settings_of_a_backbone_both_train_and_have_rows_of_their_own(workshop):
    write_suites(workshop, changed(backbones=LABELLED, seeds=1))
    assert len(run("e2ebp").trained) == 2
    records = {record.identity.backbone: record for record in read_records(workshop / "results/runs")}
    assert set(records) == {"cifar_resnet8", "cifar_resnet8_stride2"}
    costs = [record.cost.step_flops for record in records.values()]
    assert costs[0] > 2 * costs[1]
    assert run("e2ebp").trained == []
    assert set(write_tables()["backbone"]) == set(records)


def test_labels_change_nothing_for_suites_that_have_none():
    suite = load_suites(ROOT / "suites.yaml")["digits"]
    (cell, *_) = cells("digits", suite, "dgl")
    assert "label" not in suite.model_dump_json()
    assert identify(cell, suite).backbone == "cifar_resnet8"
    labelled = Suite.model_validate(suite.model_dump() | {"backbones": LABELLED[1:]})
    (other, *_) = cells("digits", labelled, "dgl")
    assert fingerprint(other, labelled, "") != fingerprint(cell, suite, "")
    assert Suite.model_validate_json(labelled.model_dump_json()) == labelled


FINGERPRINTS = {  # of the code before suites had labels
    ("digits", "cifar_resnet8", 4): "8f4e82e390a304d6d474d419e3572484b9234d24b873a02e4bfa7b383929f207",
}


@pytest.mark.parametrize(("name", "backbone", "modules"), FINGERPRINTS)
def test_a_field_more_in_a_suite_makes_no_kept_cell_stale(monkeypatch, name, backbone, modules):
    monkeypatch.setattr("benchmark.schema.fingerprint.package_versions", lambda: {"torch": "2"})
    monkeypatch.setattr("benchmark.schema.fingerprint.file_sha256", lambda path: path.stem)
    monkeypatch.setattr("benchmark.schema.fingerprint.PROTOCOL", 1)
    cell = Cell(suite=name, method="dgl", variant="", backbone=backbone, modules=modules, seed=1)
    assert fingerprint(cell, load_suite(name), "x") == FINGERPRINTS[name, backbone, modules]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"recipe": RECIPE | {"optimizer": "sdg"}}, "tiny.recipe.optimizer: timm has no optimiser 'sdg'"),
        ({"recipe": RECIPE | {"optimizer": "fusedsgd"}}, "tiny.recipe.optimizer: 'fusedsgd' cannot take a step here"),
        ({"overrides": [{"method": "dgll", "options": {}}]}, "tiny.overrides.0: There is no method 'dgll'"),
        ({"overrides": [{"method": "dgl", "options": {"hed": 1}}]}, "tiny.overrides.0: dgl has no option 'hed'"),
        ({"overrides": [{"method": "dgl", "variant": "x", "options": {}}]}, "dgl has no variant 'x'"),
        ({"validation": 0.99999}, "tiny.validation: 0 pictures are left to train on, fewer than a batch of 32"),
        ({"validation": 1e-9}, "leaves no pictures to validate on"),
        ({"limit": 9}, "tiny.limit: 9 pictures are left to train on, fewer than a batch of 32"),
        ({"limit": 9, "recipe": RECIPE | {"batch": 4}}, "9 pictures are left to train on, none of which"),
        ({"backbones": [{"name": "resnet50", "label": "resnet50_clip"}]}, "resnet50_clip is a model of timm's"),
    ],
)  # fmt: skip
def test_what_only_torch_knows_is_told_before_anything_trains(workshop, changes, sentence):
    write_suites(workshop, changed(**copy.deepcopy(changes)))
    with pytest.raises(UserError) as refusal:
        preflight(None, "tiny", ("dgl",))
    assert sentence in str(refusal.value)


def test_a_variant_that_no_method_of_the_suite_has_is_told(workshop):
    write_suites(workshop, changed(variants=["sim", "dtp"]))
    preflight(None, "tiny", ("predsim", "dgl"))  # which has none to name
    write_suites(workshop, changed(variants=["sim", "predsimm"]))
    with pytest.raises(UserError, match=r"tiny\.variants: no method .* has a variant 'predsimm'; did you mean predsim"):
        preflight(None, "tiny", ("dgl",))
    write_suites(workshop, changed(methods=["e2ebp", "dgl"], variants=["sim"]))
    with pytest.raises(UserError, match=r"no method that the suite trains has a variant 'sim'\."):
        preflight(None, "tiny", ("dgl",))


def test_a_run_is_refused_before_anything_trains(workshop, monkeypatch, capsys):
    write_suites(workshop, changed(recipe=RECIPE | {"optimizer": "sdg"}))
    assert "timm has no optimiser 'sdg'" in mistake(monkeypatch, capsys, "run", "tiny", "--method", "dgl")
    assert not (workshop / ".beyond").exists()


def test_a_method_that_is_given_twice_trains_once(workshop):
    write_suites(workshop, changed(seeds=1))
    assert run("e2ebp", "e2ebp").trained == [("e2ebp", 0, "ok")]


@pytest.mark.parametrize(
    ("said", "variants"),
    [
        ("first", ["predsim"]),
        ("all", ["predsim", "pred", "sim"]),
        (["sim", "pred"], ["pred", "sim"]),
        (["dtp"], ["predsim"]),
    ],
)
def test_a_suite_may_name_the_variants_that_it_trains(workshop, said, variants):
    suite = Suite.model_validate(changed(variants=said)["tiny"])
    assert list(dict.fromkeys(cell.variant for cell in cells("tiny", suite, "predsim"))) == variants
    assert {cell.variant for cell in cells("tiny", suite, "e2ebp")} == {""}  # which has none


def test_another_augmentation_makes_other_cells(workshop):
    cell = Cell(suite="tiny", method="e2ebp", variant="", backbone="cifar_resnet8", modules=1, seed=0)
    suites = [TINY["tiny"] | more for more in ({}, {"augment": {"pad": 0, "flip": False}}, {"augment": None})]
    one, other, same = (fingerprint(cell, Suite.model_validate(suite), "pictures") for suite in suites)
    assert one == same != other


def test_the_best_have_more_seeds_by_the_leading_protocol_and_their_cells_stay_what_they_were():
    seeds, best = {"tuned": 1, "shared": 1}, {"methods": ["dgl", "e2ebp"], "seeds": 3}
    plain, more = (Suite.model_validate(changed(seeds=seeds, **of)["tiny"]) for of in ({}, {"best": best}))
    for method, tuned in {"dgl": [0, 1, 2], "e2ebp": [0, 1, 2], "fa": [0]}.items():
        asked = cells("tiny", more, method)
        assert [cell.seed for cell in asked if cell.recipe == "tuned"] == tuned
        assert [cell.seed for cell in asked if cell.recipe is None] == [0]
        assert fingerprint(asked[0], more, "pictures") == fingerprint(asked[0], plain, "pictures")
