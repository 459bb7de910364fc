"""Which methods' files there are, which of them a suite trains, and which can be used."""

from collections.abc import Container, Sequence

from benchmark.errors import UserError
from benchmark.running.launch import run_one
from benchmark.schema.plugins import METHODS, broken_methods, method_metadata, plugin_ids, plugin_path
from benchmark.schema.suite import TWIN, Suite, trains


def methods_of(suite: Suite, without: Container[str] = ()) -> list[str]:
    """Ids of all methods that a suite trains, but those ``without``, the twin first.

    Raises:
        UserError: a file is broken, or two methods have one title.
    """
    return [name for name in all_methods(without) if trains(suite, name)]


def all_methods(without: Container[str] = ()) -> list[str]:
    """Ids of all methods but those ``without``, the twin first: others are compared with it.

    Raises:
        UserError: a file is broken, or two methods have one title.
    """
    titles: dict[str, str] = {}
    for name in plugin_ids(METHODS, without):
        title = method_metadata(plugin_path(METHODS, name))["title"]
        if title in titles:
            raise UserError(f"The title {title!r} of methods/{name}.py is taken by methods/{titles[title]}.py.")
        titles[title] = name
    return sorted(titles.values(), key=lambda name: (name != TWIN, name))


def unusable_methods() -> dict[str, str]:
    """By name: a sentence on each method's file that cannot be read or imported; the others can run without it."""
    unread = broken_methods()
    return unread | run_one("benchmark.running.preflight:unloadable", tuple(all_methods(unread)))


def not_parallel(methods: Sequence[str]) -> dict[str, str]:
    """By name: a sentence on each method whose modules cannot train at the same time."""
    found: dict[str, str] = run_one("benchmark.running.preflight:not_parallel", tuple(methods))
    return found
