"""``suites.yaml``, or another file of blocks, as plain values.

A key that stands twice, a bomb of aliases or a hidden character has its line named:
YAML itself keeps the last of two equal keys and says nothing; and a few lines of aliases can stand for more values
than fit into memory.
"""

from pathlib import Path
from typing import Any

import yaml

from benchmark.errors import UserError
from benchmark.schema.plain import DEEPEST
from benchmark.schema.text import decoded, hidden_character, printable, read_bytes

LARGEST = 2**18  # bytes
MERGE = "tag:yaml.org,2002:merge"  # the key << stands for the keys of an alias
WHOLE = "tag:yaml.org,2002:int"
DIGITS = 100
MOST = 20_000  # values, those behind an alias counted as often as it stands


def read_blocks(path: Path, what: str = "suite") -> dict[str, Any]:
    """What stands under each name at the top of the file; ``what`` the blocks are of.

    Raises:
        UserError: the file is missing, is no YAML or no block of names, or says something twice; says where.
    """
    if not path.exists():
        raise UserError(f"{path} is missing; run `beyond` from the top of the repository.")
    text = decoded(read_bytes(path, LARGEST), path)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return {}
        _check(node, loader, path, {}, 0)
        blocks = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {printable(' '.join(str(error).split()))}.") from None
    except RecursionError:
        raise UserError(f"{path} has lists in lists, deeper than can be read; write it plainly.") from None
    except ValueError as error:  # a number of thousands of digits, or a 13th month
        raise UserError(f"{path} has a value that cannot be read ({printable(error)}).") from None
    if not isinstance(blocks, dict):
        kind = "list" if isinstance(blocks, list) else "single value"
        raise UserError(f"{path} is a {kind}, but must hold a block `name: ...` for each {what}.")
    return blocks


def _check(node: yaml.Node, loader: yaml.SafeLoader, path: Path, sizes: dict[int, int], depth: int) -> int:
    """How many values a node stands for; raises where something is wrong with one of them."""
    if depth > DEEPEST:
        raise _at(node, path, "is nested too deeply, or in itself")
    if id(node) in sizes:
        return sizes[id(node)]
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _check_keys(node, loader, path)
        children = [each for pair in node.value for each in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    else:
        _check_scalar(node, path)
    sizes[id(node)] = size = 1 + sum(_check(child, loader, path, sizes, depth + 1) for child in children)
    if size > MOST:
        raise _at(node, path, f"stands for more than {MOST:,} values")
    return size


def _check_scalar(node: yaml.Node, path: Path) -> None:
    if hidden := hidden_character(node.value):
        raise _at(node, path, f"has a character that shows as nothing ({hidden[1]})")
    if node.tag == WHOLE and len(node.value) > DIGITS:  # which Python may refuse to write
        raise _at(node, path, f"has a whole number of {len(node.value):,} digits")


def _check_keys(node: yaml.MappingNode, loader: yaml.SafeLoader, path: Path) -> None:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _at(key, path, "is a list or a block where a name is meant")
        _check_scalar(key, path)
        name = key.value if key.tag == MERGE else str(loader.construct_object(key))
        if name in seen:
            raise _at(key, path, f"says `{printable(name)}` a second time; keep one of the two")
        seen.add(name)


def _at(node: yaml.Node, path: Path, fault: str) -> UserError:
    return UserError(f"{path}: line {node.start_mark.line + 1} {fault}.")
