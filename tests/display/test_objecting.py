"""Where to object to a row: in the tracker of the repository, and nothing of its origin beside host and path."""

import pytest
import yaml
from conftest import ROOT

from benchmark.display.objecting import FORM, objection, tracker


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://me:secret@github.com/a/b.git", "https://github.com/a/b/issues/new?template="),
        ("git@github.com:a/b.git", "https://github.com/a/b/issues/new?template="),
        ("ssh://git@gitlab.example.org:22/g/s/b", "https://gitlab.example.org/g/s/b/-/issues/new?issue%5Btitle%5D="),
    ],
)
def test_a_tracker_is_found_without_secrets(origin, address):
    found = objection(tracker(origin), "runs/a b&c", "2026")
    assert found.startswith(address)
    assert "runs%2Fa+b%26c" in found
    assert "secret" not in found


@pytest.mark.parametrize("origin", [None, "/srv/b.git", "../b", "file:///srv/b", "https://a.org/a/b", "https://[::1"])
def test_elsewhere_there_is_none(origin):
    assert tracker(origin) is None


def test_the_form_has_the_fields_that_the_address_fills():
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / FORM).read_text())
    assert {"row", "results"} <= {part["id"] for part in form["body"]}
