"""What a suite may hand to timm for its backbone: refused in one sentence, before anything is built, if it may not.

timm would take some of these without a word and do something else, or raise from deep within.
"""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm

from benchmark.errors import UserError

PATIENCE = 5.0  # seconds for a server to answer

RESERVED = {
    **dict.fromkeys(("num_classes", "in_chans"), "the data set says it"),
    **dict.fromkeys(("name", "model_name"), "the backbone's `name` says it"),
    "stem": "it stands beside kwargs, as `stem: small`",
    **dict.fromkeys(
        ("features_only", "out_indices", "feature_cls", "feature_cfg"), "a backbone must end in logits to be trained"
    ),
    **dict.fromkeys(
        (
            *("pretrained_cfg", "pretrained_cfg_overlay", "pretrained_model_args", "pretrained_strict"),
            *("pretrained_filter_fn", "kwargs_filter", "model_cfg", "cache_dir", "pruned"),
            *("scriptable", "exportable", "no_jit"),
        ),
        "it steers how timm builds, not the backbone",
    ),
}


def check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    """Look at the arguments of the backbone ``name``.

    Raises:
        UserError: one that a suite may not set, that says nothing, or whose file or weights are not there.
    """
    for key, value in arguments.items():
        if key in RESERVED:
            raise UserError(f"Backbone {name} cannot take the argument {key!r} ({RESERVED[key]}); leave it out.")
        if value is None:
            raise UserError(f"Backbone {name}: the argument {key!r} is null, which timm ignores; leave it out.")
    checkpoint = arguments.get("checkpoint_path", "")
    if checkpoint != "" and not (isinstance(checkpoint, str) and Path(checkpoint).is_file()):
        raise UserError(f"Backbone {name}: checkpoint_path is {checkpoint!r}, but there is no such file.")
    _check_pretrained(name, arguments.get("pretrained", False))


def _check_pretrained(name: str, pretrained: object) -> None:
    if not isinstance(pretrained, bool):
        raise UserError(f"Backbone {name}: pretrained is {pretrained!r}, but must be true or false.")
    config = timm.get_pretrained_cfg(name) if pretrained else None
    if pretrained and not (config and config.has_weights):
        raise UserError(f"There are no pretrained weights for {name}; leave pretrained out.")


@contextmanager
def bounded_downloads() -> Iterator[None]:
    """Nobody waits long for a server: where the Hub does not answer at once, only its local cache is looked into.

    Left to itself its client tries five more times, for a minute, before it says that there is no network.
    """
    from huggingface_hub import constants

    offline, timeout = constants.HF_HUB_OFFLINE, socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        constants.HF_HUB_OFFLINE = offline or not _answers(constants.ENDPOINT)
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        socket.setdefaulttimeout(timeout)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=PATIENCE):
            return True
    except urllib.error.HTTPError:
        return True  # an answer all the same
    except (OSError, ValueError):
        return False
