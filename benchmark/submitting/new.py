"""``beyond new``: a method's file to start from, which runs and passes every check as it stands."""

import keyword
import re
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from benchmark.errors import UserError
from benchmark.schema.plugins import ID, METHODS, plugin_ids

TEMPLATE = Path(__file__).parent / "starting_method.txt"


def starting_file(name: str) -> str:
    """The text of a new method's file; its title and its class are made from its id.

    Raises:
        UserError: the name is no id.
    """
    if not ID.match(name) or not name[0].isalpha():
        raise UserError(
            f"{name!r} is no method id; begin with a small letter, and use small letters, digits and _ only."
        )
    words = [word for word in name.split("_") if word]
    text, classname = TEMPLATE.read_text(encoding="utf-8"), "".join(word.capitalize() for word in words)
    if keyword.iskeyword(classname) or re.search(rf"\b{classname}\b", text):  # None, or F, which the file imports
        classname += "Method"
    return Template(text).substitute(
        title=" ".join(words).capitalize(), classname=classname, year=datetime.now(UTC).year
    )


def write_method(name: str) -> Path:
    """Write methods/NAME.py.

    Raises:
        UserError: the name is no id, the file is there already, or this is not the top of the repository.
    """
    text, path = starting_file(name), METHODS / f"{name}.py"
    plugin_ids(METHODS)  # raises where there is no such folder
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"{path} is there already; choose another name, or edit that file.") from None
    return path
