"""A training of one's own that can stop and go on: the checkpoints of cells, without what tries a method's claims."""

import hashlib
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.measuring.examiner import Bystander
from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.running import checkpoint
from benchmark.running.checkpoint import CannotGoOn
from benchmark.running.keep import Keep, Stop
from benchmark.running.keeper import Keeper
from benchmark.schema.plugins import loaded_sha256
from benchmark.using.folder import Folder


def named(said: Sequence[Any], method: type[Method], folder: Folder, device: torch.device) -> str:
    """What a checkpoint is of: all that decides the bits of a training, but the code, which names itself."""
    digest = hashlib.sha256()
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    digest.update(json.dumps([said, loaded_sha256(method), torch.__version__, where], default=str).encode())
    for part in (folder.train, folder.validation):
        part.add_to(digest)
    return digest.hexdigest()


def keeper(
    path: Path, fingerprint: str, method: Method, device: torch.device, peak: CudaPeak, say: Callable[[str], None]
) -> Keeper:
    """Keeps a training in the file ``path``, from which it goes on where there is one.

    Args:
        peak: of the training, which goes on from what it was.

    Raises:
        UserError: the file is of another training, so that to begin would overwrite it.
    """
    try:
        found = checkpoint.read(path, fingerprint)
    except CannotGoOn as reason:
        raise UserError(f"{path}: {reason}; move it away, or go on as it was begun.") from None
    made = Keeper(Keep(path), fingerprint, device, say, found)
    return made.watching(method, Bystander(), peak)


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM end the training at its next step, when its checkpoint is written."""
    heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    Stop.asked = False
    try:
        Stop.listen()
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
        yield
    finally:
        Stop.asked = False
        for number, handler in heard.items():
            signal.signal(number, handler)
