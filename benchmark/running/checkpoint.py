"""A checkpoint on disk: written whole or not at all, and read only by the code and for the cell that it is of.

The file is a head, the SHA-256 of what follows, and that: tensors, numbers and texts as torch saves them. It is read
by torch's loader for strangers' files, which runs no code that a file may hold.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from benchmark.running.code import code
from benchmark.schema.text import write_bytes

HEAD = b"beyond checkpoint 1\n"
DIGEST = hashlib.sha256().digest_size
Content = dict[str, Any]


class CannotGoOn(Exception):
    """A checkpoint that the cell does not go on from, in words: it starts anew."""


def write(content: Content, path: Path, fingerprint: str) -> None:
    """Write it, whole or not at all; what was there before is replaced.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    buffer = io.BytesIO()
    torch.save(content | {"fingerprint": fingerprint, "code": code()}, buffer)
    saved = buffer.getbuffer()
    write_bytes([HEAD, hashlib.sha256(saved).digest(), saved], path)


def read(path: Path, fingerprint: str) -> Content | None:
    """The content of a checkpoint; none where there is none.

    Raises:
        CannotGoOn: it is damaged, of another cell, or was written by other code.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotGoOn(f"its checkpoint cannot be read ({error.strerror or error})") from None
    head, digest, rest = raw[: len(HEAD)], raw[len(HEAD) :][:DIGEST], memoryview(raw)[len(HEAD) + DIGEST :]
    if head != HEAD or hashlib.sha256(rest).digest() != digest:
        raise CannotGoOn("its checkpoint is damaged")
    try:
        content = torch.load(io.BytesIO(rest), map_location="cpu", weights_only=True)
    except Exception:
        raise CannotGoOn("its checkpoint holds what torch does not load from strangers") from None
    if not isinstance(content, dict) or content.get("fingerprint") != fingerprint:
        raise CannotGoOn("its checkpoint is of another cell")
    if content.get("code") != code():
        raise CannotGoOn("its checkpoint was written by another state of this code")
    return content
