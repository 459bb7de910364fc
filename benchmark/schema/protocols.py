"""By what a cell trains: the suite as it stands, or with what the cell's protocol changes of it."""

from benchmark.schema.suite import FIRST_TUNING_SEED, TWIN, Cell, Override, Suite
from benchmark.schema.tuned import Configuration, read_chosen


def effective(suite: Suite, cell: Cell) -> Suite:
    """The suite by which a cell trains; the same suite where nothing is changed for the cell.

    A tuned cell has the recipe and the options that its method's search chose, and a tuned twin; a reference has
    other epochs.

    Raises:
        UserError: the method, or the twin, was not tuned yet.
    """
    if cell.recipe == "tuned":
        own = read_chosen(cell.suite, cell.method, suite.tune, cell.variant)
        twin = read_chosen(cell.suite, TWIN, suite.tune)
        twin_recipe = suite.recipe.changed(twin.recipe)
        suite = configured(suite, cell.method, own).model_copy(update={"twin_recipe": twin_recipe})
    if cell.times:
        suite = suite.model_copy(update={"recipe": suite.recipe.lasting(cell.times)})
    return suite


def configured(suite: Suite, method: str, own: Configuration) -> Suite:
    """The suite with a method's configuration."""
    options = [Override(method=method, options=own.options)] if own.options else []
    update = {"recipe": suite.recipe.changed(own.recipe), "overrides": [*suite.overrides, *options]}
    return suite.model_copy(update=update)


def on_trial(suite: Suite, cell: Cell, own: Configuration, full: bool) -> tuple[Cell, Suite]:
    """The cell of a trial, with a seed that evaluation never uses, and the suite by which it trains.

    Args:
        cell: of the search.
        full: whether it trains for all epochs; else for the share of them that a search begins with.
    """
    suite = configured(suite, cell.method, own)
    if not full:
        suite = suite.model_copy(update={"recipe": suite.recipe.lasting(suite.tune.share)})
    return cell.model_copy(update={"seed": FIRST_TUNING_SEED + full}), suite
