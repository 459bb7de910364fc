"""The pages of tracks, from blocks to what readers see."""

import pytest

from benchmark.display.tracks import read_tracks
from benchmark.examinations.labels import Block as LabelsBlock
from benchmark.examinations.labels import Score
from benchmark.examinations.roles import Block as RolesBlock
from benchmark.examinations.roles import Moment
from benchmark.examining.estimators.dependence import KERNELS
from benchmark.examining.examination import Sat, load_examination
from benchmark.schema.record import Identity

CELL = {"suite": "tiny", "dataset": "digits", "backbone": "net", "stem": "native", "family": "", "protocol": 2}


def identity(method, seed, **more):
    return Identity(**{**CELL, "method": method, "modules": 1, "seed": seed, **more})


def labels(pictures, *scores):
    found = [Score(head="mean", per_class=n, draw=draw, test_top1=value) for n, draw, value in scores]
    kinds = {"pairs": pictures} if pictures else {}
    return LabelsBlock(features=8, classes=4, training_pictures=100, hidden_labels=kinds, scores=found)


def roles(*probes):
    flat = {kernel: [1.0, 2.0] for kernel in KERNELS}
    moments = [Moment(epoch=i, picture=flat, label=flat, probe=[p, p + 1]) for i, p in enumerate(probes)]
    cka = [[1.0, 0.25], [0.5, None]]
    about = {"places": ["a", "b"], "ends": ["b"], "epochs": len(probes) - 1, "pictures": 9, "chance": 25.0}
    return RolesBlock(**about, moments=moments, cka_own=cka, other="e2ebp net K=1 seed 1", cka_other=cka)


@pytest.fixture
def results(tmp_path):
    """Tables of both examinations, as ``beyond table`` writes them."""
    few = [(1, 0, 50.0), (1, 1, 60.0), (None, 0, 90.0)]
    sat = [
        Sat(identity("supervised_contrastive", 0, variant="contrastive"), labels(100, *few)),
        Sat(identity("supervised_contrastive", 1, variant="contrastive"), labels(100, (1, 0, 70.0), (1, 1, 60.0))),
        Sat(identity("supervised_contrastive", 0, variant="contrastive_tenth"), labels(32, *few)),
        Sat(identity("untrained", 0), labels(0, *few)),
    ]
    load_examination("labels").table(sat).to_csv(tmp_path / "labels.csv", index=False)
    sat = [Sat(identity("e2ebp", seed), roles(30.0, 60.0 + seed)) for seed in (0, 1)]
    load_examination("roles").table(sat).to_csv(tmp_path / "roles.csv", index=False)
    load_examination("roles").details(sat)["cka"].to_csv(tmp_path / "roles-cka.csv", index=False)
    return tmp_path


def test_rows_say_how_many_labels_and_pairs_they_are_of(results):
    table = read_tracks(results)["labels"].table
    row = table[(table["variant"] == "contrastive") & (table["per_class"] == "1")].iloc[0]
    assert (row["labels"], row["pairs"], row["n"], row["draws"]) == (4, 100 * 99 // 2, 2, 2)
    assert row["test_top1_pct"] == 60  # the mean over seeds of means over draws
    assert row["half_pct"] == pytest.approx(12.706 * 5, rel=1e-3)
    assert table.loc[table["method"] == "untrained", "pairs"].isna().all()
    assert table.loc[table["per_class"] == "all", "labels"].tolist() == [100, 100, 100]


def test_a_plane_and_a_probe_curve_are_means_over_seeds_beside_the_untrained_network(results):
    table = read_tracks(results)["roles"].table
    last = table[(table["epoch"] == 1) & (table["place"] == "b")].iloc[0]
    assert (last["probe_pct"], last["untrained_pct"], last["chance_pct"], last["n"]) == (61.5, 31, 25, 2)
    assert table[["place", "cka_e2ebp"]].dropna().to_numpy().tolist() == [["a", 1.0]]


def test_all_charts_can_be_drawn_and_all_texts_be_rendered(results):
    tracks = read_tracks(results)
    sections = {name: [p.says for _, pictures in t.sections() for p in pictures] for name, t in tracks.items()}
    assert any("How many pairs" in says for says in sections["labels"])
    assert any("CKA of e2ebp K=1 (across) with e2ebp of another seed" in says for says in sections["roles"])
    for track in tracks.values():
        for _, pictures in track.sections():
            assert all(picture.chart.to_dict()["$schema"] for picture in pictures)
        assert set(track.headings) == set(track.table.columns)
