"""By what a cell trains: the suite as it stands, or with what the cell's protocol changes of it."""

from pathlib import Path

from benchmark.schema.suite import TWIN, Cell, Override, Suite
from benchmark.schema.tuned import TUNED, Configuration, read_chosen


def effective(suite: Suite, cell: Cell, tuned: Path = TUNED) -> Suite:
    """The suite by which a cell trains; the same suite where nothing is changed for the cell.

    A tuned cell has the recipe and the options that its method's search chose, and a tuned twin; a reference has
    other epochs.

    Raises:
        UserError: the method, or the twin, was not tuned yet.
    """
    if cell.recipe == "tuned":
        own, twin = (read_chosen(cell.suite, method, tuned) for method in (cell.method, TWIN))
        suite = configured(suite, cell.method, own, twin)
    if cell.times:
        suite = suite.model_copy(update={"recipe": suite.recipe.lasting(cell.times)})
    return suite


def configured(suite: Suite, method: str, own: Configuration, twin: Configuration) -> Suite:
    """The suite with a method's configuration, and that of its end-to-end twin."""
    update = {"recipe": suite.recipe.changed(own.recipe), "twin_recipe": suite.recipe.changed(twin.recipe)}
    options = [Override(method=method, options=own.options)] if own.options else []
    return suite.model_copy(update=update | {"overrides": [*suite.overrides, *options]})
