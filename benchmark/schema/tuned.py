"""What a search for a method's recipe found: every trial of it, and the one that was chosen.

One JSON file for each (suite, method), in ``results/tuned/<suite>/``, written after every trial. Accuracies are of the
validation split; no search ever sees the test split.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from benchmark.errors import UserError
from benchmark.schema.recipe import Recipe
from benchmark.schema.record import Part, Status, cure, read_part
from benchmark.schema.suite import FIRST_TUNING_SEED, Cell, Tune
from benchmark.schema.text import write_text

TUNED = Path("results/tuned")
# Where a configuration comes from: the suite's recipe, the paper's, the points that all methods try, or somebody's
# further tries, which show what a method could reach but are not chosen, since others had none.
Origin = Literal["shared", "paper", "drawn", "added"]
MOST = 2000  # configurations of a search, and more than anybody can ask for
SEARCHED = ("optimizer", "lr", "momentum", "weight_decay")  # of a recipe; its epochs, say, are the same for all


class Configuration(Part):
    """What a trial changes of the suite's recipe and of the method's options."""

    number: int = Field(ge=0, lt=MOST)  # in the order in which they are tried
    origin: Origin
    recipe: dict[str, str | float]
    options: dict[str, object] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _changes_what_is_searched(self) -> Self:
        if others := [name for name in self.recipe if name not in SEARCHED]:
            raise ValueError(
                f"it changes {others[0]!r} of the recipe, and a search changes {', '.join(SEARCHED)} alone"
            )
        try:
            Recipe.model_validate({"epochs": 1, "batch": 1, "lr": 1.0, **self.recipe})
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))} of its recipe: {first['msg']}") from None
        return self


class Trial(Part):
    """One training of a search."""

    configuration: Configuration
    full: bool  # whether of all epochs; else of a share of them
    epochs: int  # of a phase
    seed: int  # evaluation never uses it
    status: Status
    error: str | None = None
    # after the last epoch, percent; null if it ended otherwise
    validation_top1: float | None = Field(default=None, ge=0, le=100)
    seconds: float | None = None  # of processor time that the training took; null if it did not end
    fingerprint: str  # of the cell that was trained

    @model_validator(mode="after")
    def _reached_something_if_it_ended(self) -> Self:
        if (self.status == "ok") != (self.validation_top1 is not None):
            raise ValueError(
                f"it ended {self.status}, and an accuracy belongs to a trial that ended ok, and to no other"
            )
        return self


class Search(Part):
    """All trials of one method in one suite."""

    suite: str
    method: str
    variant: str
    backbone: str
    modules: int  # K
    protocol: int  # version of the engine's numbers
    configurations: int  # with which the search begins
    share: float  # of the epochs at first, and of the configurations that go on
    trials: list[Trial] = Field(default_factory=list)

    @model_validator(mode="after")
    def _tries_nothing_twice(self) -> Self:
        """Who chooses among trials takes each for another one, and both of a configuration's for the same."""
        known, tried = dict[int, Configuration](), set[tuple[int, bool]]()
        for trial in self.trials:
            number = trial.configuration.number
            if known.setdefault(number, trial.configuration) != trial.configuration:
                raise ValueError(f"its two trials of configuration {number} are of different ones")
            if (number, trial.full) in tried:
                raise ValueError(f"configuration {number} has two trials of as many epochs")
            tried.add((number, trial.full))
        return self

    @property
    def cell(self) -> Cell:
        """What its trials train, each rung of them with a seed of its own."""
        who = self.model_dump(include={"suite", "method", "variant", "backbone", "modules"})
        return Cell(**who, seed=FIRST_TUNING_SEED, recipe="tuned")

    @property
    def finals(self) -> list[Trial]:
        """Trials that may be chosen: those of all epochs of what is promising that ended ``ok``, the best first.

        Others were not paid from the budget that all methods have: somebody added them, or a search of another length
        made them. Among equals, the one that was better at first, then the one that was tried first.
        """
        early = {t.configuration.number: _top1(t) for t in self.trials if not t.full}
        promising = {configuration.number for configuration in self.promising}
        own = [t for t in self.trials if t.full and t.status == "ok" and t.configuration.number in promising]
        return sorted(own, key=lambda t: (-_top1(t), -early.get(t.configuration.number, 0.0), t.configuration.number))

    @property
    def promising(self) -> list[Configuration]:
        """The best share of the configurations after that share of the epochs: the others go no further."""
        short = [t for t in self.trials if not t.full and t.status == "ok" and t.configuration.origin != "added"]
        short.sort(key=lambda t: (-_top1(t), t.configuration.number))
        return [t.configuration for t in short[: round(self.share * self.configurations)]]

    @property
    def complete(self) -> bool:
        """Whether all that the budget pays for was tried, however it ended."""
        short = {t.configuration.number for t in self.trials if not t.full and t.configuration.origin != "added"}
        full = {t.configuration.number for t in self.trials if t.full}
        return len(short) >= self.configurations and all(c.number in full for c in self.promising)

    @property
    def chosen(self) -> Configuration | None:
        """The configuration that trains the method's tuned cells; none if no trial ended."""
        return self.finals[0].configuration if self.finals else None

    def trained(
        self, of_suite: Recipe, variant: str, recipe: Mapping[str, object], options: Mapping[str, object]
    ) -> bool:
        """Whether a training was by what the search chooses: these are recipe and options as its record names them.

        Nothing seals a search, so whoever reads one beside records compares.

        Args:
            of_suite: the recipe of which a configuration changes a part.
        """
        chosen = self.chosen or (self.trials[0].configuration if self.complete else None)
        if chosen is None:
            return False
        asked = of_suite.model_dump(include={*SEARCHED}) | chosen.recipe
        own = chosen.options if variant == self.variant else {}
        return all(recipe.get(name) == value for name, value in asked.items()) and all(
            options.get(name) == value for name, value in own.items()
        )


def _top1(trial: Trial) -> float:
    return -1.0 if trial.validation_top1 is None else trial.validation_top1


def search_path(suite: str, method: str, folder: Path = TUNED) -> Path:
    """The file of a search."""
    return folder / suite / f"{method}.json"


def read_search(suite: str, method: str, folder: Path = TUNED) -> Search | None:
    """The search of a method, if there is one.

    Raises:
        UserError: its file holds something else, or the search of another.
    """
    path = search_path(suite, method, folder)
    if not path.exists():
        return None
    try:
        search = read_part(path, Search)
    except UserError as error:
        again = f"run `{_command(suite, method)}`"
        raise UserError(f"{path} is no search ({error}); {cure(error, again)}.") from None
    if (search.suite, search.method) != (suite, method):
        raise UserError(f"{path} holds the search of {search.method} in {search.suite}; delete it if it is a copy.")
    return search


def write_search(search: Search, folder: Path = TUNED) -> None:
    """Write it, whole or not at all."""
    write_text(search.model_dump_json(indent=1) + "\n", search_path(search.suite, search.method, folder))


def read_chosen(suite: str, method: str, budget: Tune, variant: str | None = None) -> Configuration:
    """The configuration that a method's search chose.

    Where no full trial ended ``ok`` it is the first that was tried, the suite's recipe: the method's row then says how
    that ends, and no other method waits for it.

    Args:
        budget: of all searches of the suite.
        variant: for which it is meant. Of another one than was searched it is the recipe alone, since options are
            what tells variants apart. None: the one that was searched.

    Raises:
        UserError: it was not tuned, or not to the end.
    """
    search = read_search(suite, method)
    if search is None:
        raise UserError(f"{method} is not tuned for suite {suite}; run `{_command(suite, method)}` first.")
    spent = (search.configurations, search.share) == (budget.configurations, budget.share) and search.complete
    if not spent:
        raise UserError(
            f"The search of {method} in suite {suite} is not finished; `{_command(suite, method)}` goes on."
        )
    chosen = search.chosen or search.trials[0].configuration
    return chosen if variant in (None, search.variant) else chosen.model_copy(update={"options": {}})


def _command(suite: str, method: str) -> str:
    return f"beyond tune {suite} --method {method}"
