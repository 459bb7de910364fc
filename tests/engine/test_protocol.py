"""A changed number needs a new protocol version; a renamed variable does not."""

from conftest import METHOD_IDS

from benchmark.engine import golden
from benchmark.schema.suite import PROTOCOL


def test_no_trajectory_moved_under_the_same_protocol_version():
    stored = golden.stored()
    assert stored["protocol"] == PROTOCOL, "run `python -m benchmark.engine.golden` for the new version"
    assert stored["files"] == golden.files(), "a method's file is new or changed: run `beyond register`"
    now = golden.trajectories(METHOD_IDS)
    assert golden.moved(stored["trajectories"], now) == []
    assert stored["trajectories"].keys() == now.keys(), "run `python -m benchmark.engine.golden`"


def test_a_moved_trajectory_is_noticed():
    old = {"a": [1.0, 2.0], "b": [1.0]}
    assert golden.moved(old, {"a": [1.0, 2.0], "b": [1.0, 1.0]}) == ["b"]
    assert golden.moved(old, {"a": [1.0, 2.00001], "b": [1.0 + 1e-9]}) == ["a"]
    assert golden.moved(old, {"new": [1.0]}) == []
