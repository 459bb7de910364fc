"""How a method's own authors stand to our rows of it, from ``results/authors.yaml`` by way of ``beyond table``."""

from collections.abc import Mapping
from typing import Any

from benchmark.display.reading import web_address

LABEL = "Its authors"
NOT_ASKED = "not asked"
MEANING = (
    "how the authors of the method's paper stand to our rows of it: confirmed (its file and recipes are what they "
    "mean), asked, or not asked"
)


def standing(said: Mapping[str, Any]) -> str:
    """``asked on 2026-12-01``; of a method that nobody asked about: not asked.

    Args:
        said: what ``results/methods/<id>.json`` says of the method.
    """
    return str(_stand(said).get("state") or NOT_ASKED)


def standing_link(said: Mapping[str, Any]) -> str | None:
    """Where it can be read; none where nothing can."""
    return web_address(_stand(said).get("link"))


def _stand(said: Mapping[str, Any]) -> Mapping[str, Any]:
    stand = said.get("authors_stand")
    return stand if isinstance(stand, Mapping) else {}
