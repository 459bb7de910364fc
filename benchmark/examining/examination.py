"""What an examination is; how to add one stands in ``benchmark/examinations``. Imports no torch."""

import difflib
import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

import pandas as pd
from pydantic import ValidationError

import benchmark
from benchmark.errors import UserError
from benchmark.schema.plain import Strict
from benchmark.schema.record import Identity, Part
from benchmark.schema.suite import SUITES, Cell, Suite
from benchmark.schema.text import printable

if TYPE_CHECKING:
    from benchmark.examining.network import Network

FOLDER = Path(benchmark.__file__).parent / "examinations"
O = TypeVar("O", bound=Strict)  # noqa: E741
B = TypeVar("B", bound=Part)


class Sat(NamedTuple, Generic[B]):
    """What an examination found of one cell."""

    cell: Identity
    block: B


class Picture(NamedTuple):
    """A chart of a page: the heading that it stands under, what it shows, and an Altair chart without a width."""

    section: str
    says: str
    chart: Any


class Examination(ABC, Generic[O, B]):
    """What is asked of the trained networks of a track. A stateless class; its file's name is its id."""

    title: ClassVar[str]  # of its page
    version: ClassVar[int]  # of its numbers
    lead: ClassVar[str]  # the page's first sentences: what is asked, of what, and what the survey says
    notes: ClassVar[tuple[str, ...]] = ()  # a paragraph each: what a reader has to know to judge the numbers
    columns: ClassVar[Mapping[str, tuple[str, str]]]  # of the table, in order -> heading and meaning
    takes: ClassVar[type[Strict]] = Strict  # the options
    finds: ClassVar[type[Part]]  # the block

    def beside(self, cell: Cell, cells: Sequence[Cell]) -> Sequence[Cell]:
        """The other cells of the suite whose networks :meth:`examine` wants to see; none by default."""
        return ()

    @abstractmethod
    def examine(self, network: "Network", options: O) -> B:
        """What is found of one cell's network.

        Raises:
            UserError: it cannot be examined so; the sentence becomes the record's error.
        """

    @abstractmethod
    def table(self, found: Sequence[Sat[B]]) -> pd.DataFrame:
        """``results/NAME.csv``, of all cells of all suites that were examined; the same blocks give the same table."""

    def details(self, found: Sequence[Sat[B]]) -> dict[str, pd.DataFrame]:
        """Further tables, ``results/NAME-KEY.csv``, for what has no place in :meth:`table`; none by default."""
        return {}

    def pictures(self, table: pd.DataFrame) -> Iterator[Picture]:
        """Charts of its page, from the table as it is read from its file; none by default."""
        return iter(())

    def pictures_of_details(self, details: Mapping[str, pd.DataFrame]) -> Iterator[Picture]:
        """Charts from the further tables, after the others of their section; none by default."""
        return iter(())

    @classmethod
    def name(cls) -> str:
        """Its id: the name of its file."""
        return cls.__module__.rpartition(".")[2]


def examination_names() -> list[str]:
    """The files of ``benchmark/examinations``."""
    return sorted(module.name for module in pkgutil.iter_modules([str(FOLDER)]))


@cache
def load_examination(name: str) -> Examination[Any, Any]:
    """An examination by its id.

    Raises:
        UserError: there is none of that name.
    """
    known = examination_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or known
        raise UserError(f"There is no examination {printable(name)!r}; did you mean {', '.join(near)}?")
    module = importlib.import_module(f"benchmark.{FOLDER.name}.{name}")
    (kind,) = [
        found
        for found in vars(module).values()
        if inspect.isclass(found) and issubclass(found, Examination) and found.__module__ == module.__name__
    ]
    return kind()


def options_of(name: str, suite: Suite) -> dict[str, Strict]:
    """By examination: its options in a suite of that name.

    Raises:
        UserError: the suite is no track, or says what an examination does not know.
    """
    if not suite.examine:
        raise UserError(f"Suite {name!r} is no track: {SUITES} names nothing under its `examine`.")
    found = {}
    for asked, block in suite.examine.items():
        place = f"{SUITES}: {name}.examine.{printable(asked)}"
        try:
            found[asked] = load_examination(asked).takes.model_validate(block)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join([place, *map(str, first["loc"])])
            raise UserError(f"{printable(where)}: {printable(first['msg'].removeprefix('Value error, '))}.") from None
        except UserError as error:
            raise UserError(f"{place}: {error}") from None
    return found
