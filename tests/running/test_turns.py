"""Long cells begin first, but no second seed before the first of all."""

from conftest import small_suite

from benchmark.running.turns import in_turn
from benchmark.schema.suite import Cell


def cell(method, seed=0, modules=2, times=None):
    return Cell(suite="s", method=method, variant="", backbone="b", modules=modules, seed=seed, times=times)


def test_of_one_seed_the_longest_begins_and_what_nobody_planned_before_it(tmp_path):
    short, medium, long = cell("short"), cell("long", times=0.5), cell("long")
    unplanned, second = cell("long", modules=4), cell("long", seed=1)
    suite = small_suite()
    suites = dict.fromkeys((short, long, unplanned, second), suite)
    suites[medium] = suite.model_copy(update={"recipe": suite.recipe.lasting(0.5)})
    plan = "method,variant,backbone,modules,step_gflops\nshort,,b,2,1.0\nlong,,b,2,5.5\nlong,,b,4,\n"
    (tmp_path / "s.csv").write_text(plan)
    asked = [second, short, medium, long, unplanned]
    assert in_turn(asked, suites, tmp_path) == [unplanned, long, medium, short, second]
    assert in_turn(asked, suites, tmp_path / "none") == [short, medium, long, unplanned, second]
