"""What a search for a method's recipe found: every trial of it, and the one that was chosen.

One JSON file for each (suite, method), in ``results/tuned/<suite>/``, written after every trial. Accuracies are of the
validation split; no search ever sees the test split.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from benchmark.errors import UserError
from benchmark.schema.record import Part, Status, read_part
from benchmark.schema.text import write_text

TUNED = Path("results/tuned")
# Where a configuration comes from: the suite's recipe, the paper's, the points that all methods try, or somebody's
# further tries, which show what a method could reach but are not chosen, since others had none.
Origin = Literal["shared", "paper", "drawn", "added"]


class Configuration(Part):
    """What a trial changes of the suite's recipe and of the method's options."""

    number: int  # 0, 1, 2, ... in the order in which they are tried
    origin: Origin
    recipe: dict[str, str | float]
    options: dict[str, object] = Field(default_factory=dict)


class Trial(Part):
    """One training of a search."""

    configuration: Configuration
    full: bool  # whether of all epochs; else of a share of them
    epochs: int  # of a phase
    seed: int  # evaluation never uses it
    status: Status
    error: str | None = None
    validation_top1: float | None = None  # percent, after the last epoch; null where it did not end ok
    seconds: float | None = None  # of processor time that the training took; null if it did not end
    fingerprint: str  # of the cell that was trained


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

    @property
    def finals(self) -> list[Trial]:
        """Trials that may be chosen: those of all epochs within the budget that ended ``ok``, the best first.

        Among equals, the one that was better at first, then the one that was tried first.
        """
        early = {t.configuration.number: _top1(t) for t in self.trials if not t.full}
        own = [t for t in self.trials if t.full and t.status == "ok" and t.configuration.origin != "added"]
        return sorted(own, key=lambda t: (-_top1(t), -early.get(t.configuration.number, 0.0), t.configuration.number))

    @property
    def promising(self) -> list[Configuration]:
        """The best share of the configurations after that share of the epochs: the others go no further."""
        short = [t for t in self.trials if not t.full and t.status == "ok" and t.configuration.origin != "added"]
        short.sort(key=lambda t: (-_top1(t), t.configuration.number))
        return [t.configuration for t in short[: round(self.share * self.configurations)]]

    @property
    def chosen(self) -> Configuration | None:
        """The configuration that trains the method's tuned cells; none if no trial ended."""
        return self.finals[0].configuration if self.finals else None


def _top1(trial: Trial) -> float:
    return -1.0 if trial.validation_top1 is None else trial.validation_top1


def search_path(suite: str, method: str, folder: Path = TUNED) -> Path:
    """The file of a search."""
    return folder / suite / f"{method}.json"


def read_search(suite: str, method: str, folder: Path = TUNED) -> Search | None:
    """The search of a method, if there is one.

    Raises:
        UserError: its file holds something else.
    """
    path = search_path(suite, method, folder)
    if not path.exists():
        return None
    try:
        return read_part(path, Search)
    except UserError as error:
        raise UserError(f"{path} is no search ({error}); delete it and run `{_command(suite, method)}`.") from None


def write_search(search: Search, folder: Path = TUNED) -> None:
    """Write it, whole or not at all."""
    write_text(search.model_dump_json(indent=1) + "\n", search_path(search.suite, search.method, folder))


def read_chosen(suite: str, method: str, folder: Path = TUNED) -> Configuration:
    """The configuration that a method's search chose.

    Raises:
        UserError: it was not tuned, or no trial ended ``ok``.
    """
    search = read_search(suite, method, folder)
    if search is None:
        raise UserError(f"{method} is not tuned for suite {suite}; run `{_command(suite, method)}` first.")
    if search.chosen is None:
        raise UserError(f"No full trial of {method} ended in suite {suite}; see {search_path(suite, method, folder)}.")
    return search.chosen


def _command(suite: str, method: str) -> str:
    return f"beyond tune {suite} --method {method}"
