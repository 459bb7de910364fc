"""Run a stranger's file in a process that can do as little harm as this system allows.

:func:`run_sandboxed` starts a trusted module of ours in a confined process, which then loads the file, and relays
what it reports. Protections, each used where the system has it (:func:`protections` says which are on):

- always: a process group of its own, killed when its time is up; an environment without tokens; limits on memory,
  threads, messages, and what is written into the scratch folder;
- Linux on x86_64 and aarch64: a seccomp filter (:mod:`benchmark.sandbox.seccomp`): no processes, sockets or signals
  to others, no memory outside its own, no folders or links;
- where bubblewrap works: an own file system, of which only a scratch folder can be written, and no network;
- where it does not, but the kernel has Landlock: no file read but the system's and its own, none written elsewhere.

What it does not protect from: the stranger's code shares a process with the module that reports on it, so it can
forge that report (the pipe is in its reach). The report tells honest authors what is wrong; a person still reads the
file. Without bubblewrap and Landlock the code has its user's rights on files and on the user's other processes.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from benchmark.running.slots import VISIBLE
from benchmark.running.tree import ended
from benchmark.sandbox import bubblewrap, landlock, seccomp
from benchmark.sandbox.cgroup import own_group
from benchmark.sandbox.streams import Lines, Tail
from benchmark.sandbox.usage import family, stored, usage

GIB = 2**30
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
TICK = 0.1  # seconds between looks at memory, threads and files
DYING = 10.0  # seconds that a killed process may take
# `-I` keeps the current folder off the module path, so the package's own folder is named; then it is taken off again
START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import benchmark.sandbox.confine; del sys.path[0]; "
    "benchmark.sandbox.confine.main()"
)


@dataclass(frozen=True)
class Limits:
    """What a stranger's process may use."""

    seconds: float = 300.0  # on the wall
    memory: int = 6 * GIB  # bytes resident, all its processes together
    address_space: int | None = 8 * GIB  # bytes that a process may map; torch alone maps 4; none for CUDA
    file_size: int = GIB // 4  # bytes of one file
    threads: int = 1024 + 8 * (os.cpu_count() or 1)  # torch starts a few for each core
    written: int = GIB  # bytes in the scratch folder, besides what lay there
    files: int = 10_000  # there


@dataclass(frozen=True)
class Ending:
    """How a sandboxed process ended, and in one sentence why; ``output`` is the end of what it printed."""

    how: Literal["done", "timeout", "memory", "crash"]
    sentence: str
    output: str = ""


@dataclass(frozen=True)
class Protection:
    """One layer of the sandbox, whether this system has it, and what that means."""

    name: str
    available: bool
    sentence: str


def protections() -> list[Protection]:
    """All layers; the sentence of one that is missing says what a stranger's file can then do."""
    linux = sys.platform.startswith("linux")
    refusal = bubblewrap.refusal()
    missing = LANDLOCK if landlock.version() else NO_BUBBLEWRAP
    return [
        Protection("time limit", True, "Its process group is killed when its time is up."),
        Protection("memory limit", linux, "Its memory is limited." if linux else NO_MEMORY_LIMIT),
        Protection("seccomp", seccomp.available(), SECCOMP if seccomp.available() else NO_SECCOMP),
        Protection("bubblewrap", not refusal, missing.format(refusal) if refusal else BUBBLEWRAP),
    ]


SECCOMP = "It starts no processes, opens no sockets, sends no signals to others and makes no folders and links."
BUBBLEWRAP = "It sees no files but the system's and its own, writes into a scratch folder only, and has no network."
NO_MEMORY_LIMIT = "No memory limit here: the file can take all memory; check on Linux."
NO_SECCOMP = (
    "No seccomp here: the file can start processes, leave some running, and use the network; "
    "check on Linux (x86_64 or aarch64)."
)
NO_BUBBLEWRAP = (
    "No bubblewrap here ({}): the file can read your files, test labels too, write into your folders, and reach into "
    "your programs; install it (apt install bubblewrap) or check in a container."
)
LANDLOCK = (
    "No bubblewrap here ({}): Landlock lets the file neither read nor write your own files, but it can read the test "
    "labels in installed packages; install bubblewrap (apt install bubblewrap) or check in a container."
)


def run_sandboxed(
    module: str,
    arguments: Sequence[str],
    *,
    scratch: Path,
    readable: Sequence[Path] = (),
    limits: Limits,
    on_message: Callable[[dict[str, Any]], None],
    gpu: bool = False,
) -> Ending:
    """Run ``main(send, arguments)`` of a trusted module in a confined process, and wait for its end.

    The module is imported before the seccomp filter comes on, ``main`` is called after; the stranger's file may be
    loaded in ``main`` only. The process starts in ``scratch``, which is its home folder, too.

    Args:
        module: full name of a module that is installed, such as ``benchmark.submitting.check.worker``.
        scratch: an existing folder, the only one that can be written (in bubblewrap).
        readable: files and folders that it must see besides system, interpreter and this package (in bubblewrap).
        on_message: called here with each message that ``send`` is given there. The process can send anything, so
            what comes is to be validated.
        gpu: whether it needs the NVIDIA devices (in bubblewrap).

    When ``on_message`` raises, or Ctrl-C is pressed, the process is killed and the exception goes on.
    """
    scratch = scratch.resolve()
    wrapped = not bubblewrap.refusal()
    command = bubblewrap.wrap(scratch, readable, gpu) if wrapped else []
    files = None if wrapped or not landlock.version() else _files(scratch, readable, gpu)
    bounds = {"address_space": limits.address_space, "file_size": limits.file_size}
    settings = json.dumps(bounds | {"files": files, "gpu": gpu})
    relay, output = Lines(on_message), Tail()
    with own_group(limits.memory, limits.threads) as group:
        wrapper = group.joined(command) if group else command
        with _process(wrapper, [settings, module, *arguments], scratch, gpu) as (process, messages):
            guard = _Guard(process.pid, scratch, limits, relay)
            ending = _watch(process, {messages: relay.feed, _stdout(process): output.feed}, guard)
        if not ending and group and group.ran_out:
            ending = _out_of_memory(limits)
    return replace(ending, output=output.text) if ending else _verdict(process.returncode, wrapped, output.text)


def _files(scratch: Path, readable: Sequence[Path], gpu: bool) -> dict[str, list[str]]:
    """What may be read and what written, for Landlock."""
    devices = [Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom")]
    devices += Path("/dev").glob("nvidia*") if gpu else ()
    places = [*bubblewrap.readable_places(), Path("/proc"), Path("/sys"), *readable]
    return {"readable": [str(p.absolute()) for p in places], "writable": [str(p) for p in (scratch, *devices)]}


@contextmanager
def _process(
    wrapper: list[str], arguments: Sequence[str], scratch: Path, gpu: bool
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The running process and the reading end of its messages; it is dead afterwards, whatever happens."""
    reading, writing = os.pipe()
    start = [sys.executable, "-I", "-B", "-u", "-c", START, str(bubblewrap.PACKAGE.parent)]
    try:
        process = subprocess.Popen(
            [*wrapper, *start, str(writing), *arguments],
            cwd=scratch,
            env=_environment(scratch, gpu),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    try:
        yield process, reading
    finally:
        _kill(process)
        _stdout_file(process).close()
        os.close(reading)


def _environment(scratch: Path, gpu: bool) -> dict[str, str]:
    """What it knows of ours: no secrets, and no GPU where it needs none, since to open one takes memory there."""
    ours = {name: os.environ[name] for name in (*ENVIRONMENT, VISIBLE) if name in os.environ}
    return ours | _home(scratch) | ({} if gpu else {VISIBLE: ""})


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started, and wait for that: it may be writing into the scratch folder."""
    started = family(process.pid) if process.poll() is None else set[int]()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in started:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    given_up = time.monotonic() + DYING
    while not all(map(ended, started)) and time.monotonic() < given_up:
        time.sleep(0.01)


def _home(scratch: Path) -> dict[str, str]:
    return {"HOME": str(scratch), "TMPDIR": str(scratch), "USER": "sandbox", "LOGNAME": "sandbox"}


def _stdout_file(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    return process.stdout


def _stdout(process: subprocess.Popen[bytes]) -> int:
    return int(_stdout_file(process).fileno())


def _watch(
    process: subprocess.Popen[bytes], readers: dict[int, Callable[[bytes], None]], guard: "_Guard"
) -> Ending | None:
    """Hand on what comes until the process ends (none), or until a limit is passed."""
    with selectors.DefaultSelector() as selector:
        for stream, feed in readers.items():
            os.set_blocking(stream, False)
            selector.register(stream, selectors.EVENT_READ, feed)
        while True:
            over = process.poll() is not None
            events = selector.select(0 if over else TICK)
            for key, _ in events:
                chunk = os.read(key.fd, 2**16)
                key.data(chunk)
                if not chunk:
                    selector.unregister(key.fd)
            if over and not events:
                return None
            if ending := guard.ending():
                return ending


class _Guard:
    """Looks whether a process has passed a limit."""

    def __init__(self, pid: int, scratch: Path, limits: Limits, relay: Lines) -> None:
        self.pid, self.scratch, self.limits, self.relay = pid, scratch, limits, relay
        self.started = self.looked = time.monotonic()
        self.given = stored(scratch, limits.files)

    def ending(self) -> Ending | None:
        """How it is to end, if it has."""
        now, limits = time.monotonic(), self.limits
        if now - self.started > limits.seconds:
            return Ending("timeout", f"It was stopped after {limits.seconds:g} seconds, the time limit.")
        if self.relay.too_much:
            return Ending("crash", "It was stopped, since it sent messages without end.")
        if now - self.looked < TICK:
            return None
        self.looked = now
        return self._used() or self._wrote()

    def _used(self) -> Ending | None:
        used, limits = usage(self.pid), self.limits
        if used.memory > limits.memory:
            return _out_of_memory(limits)
        if used.threads > limits.threads:
            return Ending("crash", f"It was stopped at {limits.threads:,} threads, the limit.")
        return None

    def _wrote(self) -> Ending | None:
        limits = self.limits
        now = stored(self.scratch, self.given.entries + limits.files + 1)
        if now.entries - self.given.entries > limits.files:
            return Ending("crash", f"It was stopped at {limits.files:,} files in its scratch folder, the limit.")
        if now.bytes - self.given.bytes > limits.written:
            return Ending("crash", f"It was stopped at {limits.written / GIB:.3g} GiB of files, the limit.")
        return None


def _out_of_memory(limits: Limits) -> Ending:
    return Ending("memory", f"It was stopped at {limits.memory / GIB:.3g} GiB, the memory limit.")


def _verdict(code: int, wrapped: bool, output: str) -> Ending:
    """How a process ended by itself; in bubblewrap, signal n shows as exit code 128 + n."""
    if code == 0:
        return Ending("done", "It ran to its end.", output)
    number = -code if code < 0 else code - 128 if wrapped and code > 128 else 0
    if number:
        hint = "; this often means that memory ran out" if number == signal.SIGKILL else ""
        return Ending("crash", f"Its process was killed by signal {number}{hint}.", output)
    why = f" ({output.splitlines()[-1][:200]})" if code == 1 and output else ""  # 1: an exception, printed last
    return Ending("crash", f"Its process ended with exit code {code}{why}.", output)
