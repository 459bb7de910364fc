"""``claims.yaml``: what papers claim, and the comparison of rows that would bear each claim out or contradict it.

A claim is decided by one threshold: the difference between two sides lies above it or below it. That a method *matches*
another is therefore `not below` with a margin that is declared beforehand, and never the absence of a difference.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from benchmark.errors import UserError
from benchmark.schema.authors import ADDRESS
from benchmark.schema.plain import Strict
from benchmark.schema.plugins import ID
from benchmark.schema.suite import TWIN
from benchmark.schema.suite_file import read_blocks
from benchmark.schema.text import printable

NAME = "claims.yaml"
COSTS = {"memory": "memory_ratio", "FLOPs": "flops_ratio", "training FLOPs": "train_tflops"}  # the same for all seeds
TIME = {"time": "time_ratio"}
EQUAL = {"accuracy at equal epochs": "epochs", "accuracy at equal FLOPs": "train_tflops"}  # the compute that is equal
ACCURACY = "accuracy"
METRICS = (ACCURACY, *EQUAL, *COSTS, *TIME)
Family = Literal[
    "modular training",
    "proxy objective",
    "target propagation",
    "synthetic gradients",
    "delayed gradients",
    "feedback",
    "auxiliary variables",
    "forward only",
    "perturbation",
    "energy",
    "self-supervised",
]
Value = str | int | float
Rows = dict[str, Value | list[Value]]  # column -> what stands there, or any of these


def _of_method(said: Any) -> Any:
    """A bare name, or a list of them, is of methods."""
    return {"method": said} if isinstance(said, str) or (isinstance(said, list) and said) else said


Side = Annotated[Rows, BeforeValidator(_of_method), Field(min_length=1)]


class Claim(Strict):
    """A claim in a paper's words, and what it says of rows here.

    ``compare`` minus ``against`` (rows, or a number) lies ``expect`` the margin on its side: `above` by more than it,
    `not below` by less than it. Costs are compared as percent of the other side's, all else in the metric's own unit.
    ``everywhere`` means in each setting (suite, backbone, recipe, K) that has rows of both, ``somewhere`` in one.
    """

    says: str = Field(min_length=10)
    words: Literal["quoted", "paraphrased"]
    source: str = Field(min_length=1)
    link: str
    family: Family
    stated_for: str = ""  # data and networks, as the source has them
    compare: Side
    against: Annotated[Rows | float, BeforeValidator(_of_method)] = Field(
        default_factory=lambda: dict[str, Value | list[Value]](method=TWIN)
    )
    metric: str = ACCURACY
    expect: Literal["above", "below", "not below", "not above"]
    margin: float = Field(default=0.0, ge=0)
    holds: Literal["everywhere", "somewhere"] = "everywhere"
    where: Rows = Field(default_factory=dict)  # of both sides
    table: str | None = None  # results/<table>.csv in place of the cells of suites
    pair_by: str = "seed"  # column of that table; or, of one that has means over seeds alone,
    half: str | list[str] | None = None  # its column of half of the 95 % t interval, or two of both ends of a 95 % one;
    count: str = "n"  # its column of the seeds
    unit: str = "points"  # of that table's metric

    @property
    def sign(self) -> int:
        """1 where the difference is expected to be large, else -1."""
        return 1 if self.expect in ("above", "not below") else -1

    @property
    def threshold(self) -> float:
        """What the difference has to lie above (or below)."""
        side = self.sign if self.expect in ("above", "below") else -self.sign
        return self.margin * side + 0.0  # which makes a zero of minus zero

    @property
    def tested(self) -> bool:
        """Whether noise moves the metric; else it is compared without a test."""
        return self.table is not None or self.metric not in COSTS

    @property
    def in_unit(self) -> str:
        """What the difference is in."""
        return self.unit if self.table else "%" if self.metric in (*COSTS, *TIME) else "points"

    @model_validator(mode="after")
    def _can_be_decided(self) -> Self:
        if self.table is not None and not ID.fullmatch(self.table):
            raise ValueError(f"table {self.table!r} is no name of a table in results/; leave folder and .csv out")
        if isinstance(self.half, list) and len(self.half) != 2:
            raise ValueError("half is a column, or a list of two: the lower and the upper end of an interval")
        if self.table is None and self.metric not in METRICS:
            raise ValueError(
                f"metric is {self.metric!r}, but there is {', '.join(METRICS)} (or a column, with `table`)"
            )
        if self.table is None and self.metric in (*COSTS, *TIME) and not isinstance(self.against, dict):
            raise ValueError(f"{self.metric} is in percent of other rows; name them in `against`, not a number")
        if self.tested and self.expect.startswith("not ") and not self.margin:
            raise ValueError(f"`{self.expect}` needs a margin above 0, up to which a difference does not matter")
        if self.metric in EQUAL and self.against != {"method": TWIN} and not self.table:
            raise ValueError(f"{self.metric} is against {TWIN} alone; leave `against` out")
        if not ADDRESS.fullmatch(self.link):
            raise ValueError("the link is to be an http or https address")
        return self


def read_claims(path: Path) -> dict[str, Claim]:
    """By its id: each claim of the file, in its order; none without the file.

    Raises:
        UserError: the file is not as it should be; names the claim and the field.
    """
    blocks = read_blocks(path, "claim") if path.exists() else {}
    return {str(name): _claim(str(name), block, path) for name, block in blocks.items()}


def _claim(name: str, block: object, path: Path) -> Claim:
    if not ID.fullmatch(name):
        raise UserError(f"{path}: {printable(name)} is no id of a claim; use small letters, digits and _ only.")
    if not isinstance(block, dict):
        raise UserError(f"{path}: {name} is to be a block of fields (says, source, compare, ...).")
    try:
        return Claim.model_validate(block)
    except ValidationError as error:
        first = error.errors()[0]
        place = f"{path}: {name}" + (f".{first['loc'][0]}" if first["loc"] else "")
        raise UserError(printable(f"{place}: {first['msg'].removeprefix('Value error, ')}.")) from None
