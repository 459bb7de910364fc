"""A training of one's own that can stop and go on: the checkpoints of cells, without what tries a method's claims."""

import hashlib
import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

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


def anatomy(model: nn.Module) -> list[Any]:
    """By what a network that has no name is known again: its kind, its parts, and the shapes of its weights.

    Not by their values, which the checkpoint has; nor by its code, which the last step, made again, tells of.
    """
    parts = [(path, type(part).__qualname__) for path, part in model.named_modules()]
    return [parts, [(name, [*tensor.shape], str(tensor.dtype)) for name, tensor in model.state_dict().items()]]


def keeper(
    path: Path,
    fingerprint: str,
    method: Method,
    device: torch.device,
    watch: Bystander,
    peak: CudaPeak,
    say: Callable[[str], None],
) -> Keeper:
    """Keeps a training in the file ``path``, from which it goes on where there is one.

    Args:
        watch: makes the steps.
        peak: of the training, which goes on from what it was.

    Raises:
        UserError: the file is of another training, so that to begin would overwrite it.
    """
    try:
        found = checkpoint.read(path, fingerprint)
    except CannotGoOn as reason:
        raise cannot_go_on(path, reason) from None
    made = Keeper(Keep(path), fingerprint, device, say, found)
    return made.watching(method, watch, peak)


def cannot_go_on(path: Path, reason: CannotGoOn) -> UserError:
    """The same for a person, whose checkpoint stays where it is."""
    told = str(reason).replace("another cell", "another training")
    return UserError(f"{path}: {told}; move it away, or go on as it was begun.")


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM end the training at its next step, when its checkpoint is written.

    Not beside the main thread: signals are the main thread's, and it alone may say what they do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
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
