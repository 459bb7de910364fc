"""claims.yaml: ours is complete, and a mistake in one is a sentence that names the claim."""

from typing import get_args

import pytest
import yaml
from conftest import METHOD_IDS, ROOT

from benchmark.errors import UserError
from benchmark.schema.claims import NAME, Family, read_claims
from benchmark.schema.plugins import method_metadata
from benchmark.schema.suite import load_suites

CLAIMS = read_claims(ROOT / NAME)
SUITES = load_suites(ROOT / "suites.yaml")
TEN_LINES = """\
dgl_beats_greedy:
  says: A deeper head beats a shallow one.
  words: paraphrased
  source: Somebody 2026, abstract
  link: https://example.org/paper
  family: proxy objective
  compare: dgl
  against: greedy_sl
  expect: above
  margin: 0.5
"""


def test_ours_are_many_of_every_family_with_the_headline_first():
    assert len(CLAIMS) >= 30
    assert {claim.family for claim in CLAIMS.values()} == set(get_args(Family))
    first = next(iter(CLAIMS.values()))
    assert "match or surpass the performance of E2EBP" in first.says
    assert (first.words, first.holds, first.expect) == ("quoted", "somewhere", "not below")


def test_ours_name_suites_data_networks_and_variants_that_there_are():
    known = {
        "suite": set(SUITES),
        "dataset": {suite.dataset for suite in SUITES.values()},
        "backbone": {b.key for suite in SUITES.values() for b in suite.backbones} | {"resnet18"},  # of a track
    }
    for name, claim in CLAIMS.items():
        for field, value in claim.where.items():
            if field in known:  # others are of tables of tracks
                assert {*([value] if isinstance(value, str) else value)} <= known[field], name
            assert field in known or claim.table, name
        for side in (claim.compare, claim.against):
            if isinstance(side, dict) and "variant" in side and side["method"] in METHOD_IDS:
                variants = method_metadata(ROOT / "methods" / f"{side['method']}.py")["variants"]
                wanted = side["variant"] if isinstance(side["variant"], list) else [side["variant"]]
                assert {*wanted} <= {*variants}, name


def test_ten_lines_are_a_claim(tmp_path):
    (tmp_path / NAME).write_text(TEN_LINES)
    claim = read_claims(tmp_path / NAME)["dgl_beats_greedy"]
    assert (claim.compare, claim.against) == ({"method": "dgl"}, {"method": "greedy_sl"})
    assert (claim.threshold, claim.sign, claim.in_unit, claim.tested) == (0.5, 1, "points", True)
    assert read_claims(tmp_path / "missing.yaml") == {}


@pytest.mark.parametrize(
    ("expect", "threshold", "sign"), [("above", 2, 1), ("below", -2, -1), ("not below", -2, 1), ("not above", 2, -1)]
)
def test_a_claim_is_one_threshold(tmp_path, expect, threshold, sign):
    block = yaml.safe_load(TEN_LINES)["dgl_beats_greedy"] | {"expect": expect, "margin": 2}
    (tmp_path / NAME).write_text(yaml.safe_dump({"one": block}))
    claim = read_claims(tmp_path / NAME)["one"]
    assert (claim.threshold, claim.sign) == (threshold, sign)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"says": None}, r"says: Input should be a valid string"),
        ({"expect": "better"}, r"expect: Input should be 'above', 'below'"),
        ({"expect": "not below", "margin": 0}, r"`not below` needs a margin above 0"),
        ({"metric": "acuracy"}, r"metric is 'acuracy', but there is accuracy, "),
        ({"metric": "accuracy at equal epochs"}, r"is against e2ebp alone; leave `against` out"),
        ({"metric": "memory", "against": 0.6}, r"memory is in percent of other rows; name them in `against`"),
        ({"link": "javascript:alert(1)"}, r"the link is to be an http or https address"),
        ({"table": "../labels.csv"}, r"is no name of a table in results/"),
        ({"margn": 1}, r"margn: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_names_the_claim(tmp_path, changes, sentence):
    block = yaml.safe_load(TEN_LINES)["dgl_beats_greedy"] | changes
    (tmp_path / NAME).write_text(yaml.safe_dump({"my_claim": block}))
    with pytest.raises(UserError, match=rf"claims\.yaml: my_claim.*{sentence}"):
        read_claims(tmp_path / NAME)


@pytest.mark.parametrize(
    ("text", "sentence"), [("My Claim: {}", "is no id of a claim"), ("mine: 3", "is to be a block")]
)
def test_a_block_without_fields_or_id_is_said(tmp_path, text, sentence):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_claims(tmp_path / NAME)
