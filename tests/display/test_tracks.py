"""The pages of tracks, from blocks to what readers see."""

import pytest
from tracks_written import write_tracks

from benchmark.display.tracks import read_tracks


@pytest.fixture
def results(tmp_path):
    write_tracks(tmp_path)
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
            drawn = [picture.chart.to_dict() for picture in pictures]
            assert all(chart["$schema"] for chart in drawn)
            legends = [(chart.get("encoding", {}).get("color") or {}).get("legend") or {} for chart in drawn]
            assert {one["columns"] for one in legends if one.get("orient") == "bottom"} <= {1}  # as wide as a phone
            assert track.name != "labels" or any(legends)
        assert set(track.headings) == set(track.table.columns)
