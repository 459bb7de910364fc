"""How methods' authors stand to our rows: who was asked is said, and a slip of the pen is one sentence."""

import json

import pytest
from records import make_record, write_own_tables, write_runs

from benchmark.display.standing import standing, standing_link
from benchmark.errors import UserError
from benchmark.schema.authors import read_authors


def test_tables_carry_what_the_authors_said(tmp_path):
    write_runs(tmp_path / "runs", make_record("dgl", 2, 0, 90.0))
    (tmp_path / "authors.yaml").write_text("dgl: {state: confirmed, date: 2026-12-01, link: https://a.org/1}\n")
    write_own_tables(tmp_path)
    told = json.loads((tmp_path / "methods" / "dgl.json").read_text())
    assert (standing(told), standing_link(told)) == ("confirmed on 2026-12-01", "https://a.org/1")
    assert standing(json.loads((tmp_path / "methods" / "fa.json").read_text())) == "not asked"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dgll: {state: asked, date: 2026-12-01}", "there is no method dgll"),
        ("dgl: {state: maybe}", "dgl.state: Input should be 'not asked', 'asked' or 'confirmed'"),
        ("dgl: {state: asked}", "`asked` needs its date"),
        ("dgl: {state: confirmed, date: 2026-12-01}", "`confirmed` needs a link"),
        ("dgl: {state: asked, date: 2026-12-01, link: 'javascript:alert(1)'}", "http or https"),
        ("dgl: {state: asked, date: soon}", "dgl.date: "),
        ("dgl: {state: asked, date: 2026-12-01, by: mail}", "dgl.by: Extra inputs"),
        ("- dgl", "a block `name: ...` for each method"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "authors.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_authors(path, {"dgl"})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
