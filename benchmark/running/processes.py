"""Start cells' processes through the server that forks them, watch them, and end them with all that they started.

A server that somebody killed or stopped is replaced once. Cells that it had forked go on meanwhile: their answers
come through pipes of their own.
"""

import atexit
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import benchmark
from benchmark.errors import UserError
from benchmark.running.server import LENGTH, TERMINAL_SIGNALS
from benchmark.running.tree import ended, kill_tree, state

START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from benchmark.running.server import main; del sys.path[0]; main({})"
)
PACKAGE = str(Path(benchmark.__file__).parent.parent)  # so that both sides run the same checkout
STOPPED = 5.0  # seconds after which a stopped server is given up
PATIENCE = 600.0  # seconds for a server to import torch and to fork
FAREWELL = 10.0  # seconds for a killed process to be gone
LARGEST = 2**28  # bytes of a message
LOST = "The process that starts cells was killed or stopped twice; finished cells are kept, so give the command again."


class ServerLost(Exception):
    """The server has ended, or was stopped."""


class Server:
    """The server's process as its user sees it."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        start = START.format(theirs.fileno())
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)  # until it can ignore them itself
        try:
            self.process = subprocess.Popen(
                [sys.executable, *(["-B"] * sys.dont_write_bytecode), "-c", start, PACKAGE],
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            theirs.close()
        self.frames = Frames(self.socket.fileno())
        self.codes: dict[int, int] = {}  # of cells that have ended

    def start(self, order: bytes, answers: int, life: int) -> int:
        """Fork a cell; returns its process's id.

        Raises:
            ServerLost: the server does not answer.
        """
        try:
            socket.send_fds(self.socket, [LENGTH.pack(len(order))], [answers, life])
            self.socket.sendall(order)
        except OSError:
            raise ServerLost from None
        started = stopped = time.monotonic()
        while time.monotonic() - started < PATIENCE:
            for kind, pid in self.news(0.5):
                if kind == "started":
                    return pid
            if self.lost:
                break
            if state(self.process.pid) != "T":
                stopped = time.monotonic()
            elif time.monotonic() - stopped > STOPPED:
                break
        raise ServerLost

    def news(self, patience: float = 0.0) -> Iterator[tuple[str, int]]:
        """What it has said of its cells, (kind, pid); exit codes are noted."""
        if self.frames.closed or not readable(self.frames.file, patience):
            return
        for kind, pid, *code in self.frames.read():
            if kind == "ended":
                self.codes[pid] = code[0]
            yield kind, pid

    @property
    def lost(self) -> bool:
        """Whether it has ended."""
        return self.frames.closed or self.process.poll() is not None

    def close(self) -> None:
        """End the server; what it has forked goes on."""
        self.process.kill()
        self.process.wait()
        self.frames.closed = True
        self.socket.close()


class Frames:
    """Messages that come in pieces through a file; reading never waits for the rest of one."""

    def __init__(self, file: int) -> None:
        self.file, self.rest, self.closed = file, b"", False
        os.set_blocking(file, False)

    def read(self) -> list[Any]:
        """The messages that have come whole. What is none closes the file: nothing after it can be trusted."""
        try:
            while not self.closed and (chunk := os.read(self.file, 2**16)):
                self.rest += chunk
                self.closed = len(self.rest) > LARGEST
            self.closed = True
        except BlockingIOError:
            pass
        except OSError:
            self.closed = True
        return list(self._whole())

    def _whole(self) -> Iterator[Any]:
        while len(self.rest) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self.rest)[0]
            if end > LARGEST:
                self.closed = True
            if len(self.rest) < end:
                return
            content, self.rest = self.rest[LENGTH.size : end], self.rest[end:]
            try:
                yield pickle.loads(content)
            except Exception:
                self.closed = True
                return


class Process:
    """A cell's process. Its life hangs on a pipe: when this end is closed, by kill -9 too, it ends."""

    def __init__(self, function: str, arguments: tuple[Any, ...], environment: dict[str, str]) -> None:
        call = pickle.dumps((function, arguments))
        order = pickle.dumps((sys.path, os.getcwd(), environment, call))
        reading, answers = os.pipe()
        life, ours = os.pipe()
        try:
            self.server, self.pid = _start(order, answers, life)
        except BaseException:
            os.close(reading)
            os.close(ours)
            raise
        finally:
            os.close(answers)
            os.close(life)
        self.answers = Frames(reading)
        self.end = _end_of(self.pid)
        self._open = [reading, ours, *self._ends]

    @property
    def _ends(self) -> list[int]:
        return [] if self.end is None else [self.end]

    @property
    def files(self) -> list[int]:
        """What can be waited for: an answer, or the end."""
        return [*([] if self.answers.closed else [self.answers.file]), *self._ends]

    @property
    def ended(self) -> bool:
        """Whether it is gone; its parent may not have noticed yet."""
        if self.end is not None:
            return readable(self.end)
        self._listen()
        return self.pid in self.server.codes or ended(self.pid)

    @property
    def exit_code(self) -> int | None:
        """As of :mod:`subprocess`; none if nobody can say."""
        deadline = time.monotonic() + FAREWELL
        while self.pid not in self.server.codes and not self.server.lost and time.monotonic() < deadline:
            self._listen(0.1)
        return self.server.codes.get(self.pid)

    def _listen(self, patience: float = 0.0) -> None:
        for _ in self.server.news(patience):
            pass

    def ask_to_stop(self) -> None:
        """Ask it, not what it started, to end by itself (SIGTERM)."""
        if self._open and not self.ended:
            with suppress(OSError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and all that it started, and wait until it is gone, and what it held of memory with it."""
        if not self._open:
            return
        if not self.ended:
            kill_tree(self.pid)
        deadline = time.monotonic() + FAREWELL
        while not self.ended and time.monotonic() < deadline:
            time.sleep(0.01)
        while self._open:
            os.close(self._open.pop())


_servers: list[Server] = []  # the one in use


def _start(order: bytes, answers: int, life: int) -> tuple[Server, int]:
    for _ in range(2):
        if not _servers:
            _servers.append(Server())
        try:
            return _servers[0], _servers[0].start(order, answers, life)
        except ServerLost:
            close_server()
    raise UserError(LOST)


@atexit.register
def close_server() -> None:
    """End the server, if there is one; the next cell starts another."""
    while _servers:
        _servers.pop().close()


def _end_of(pid: int) -> int | None:
    """A file that can be read once the process has ended; none where the system has no such thing."""
    try:
        return os.pidfd_open(pid)
    except AttributeError:  # not on Linux
        return None
    except ProcessLookupError:  # it has ended, and a file with nothing in it can always be read
        return os.open(os.devnull, os.O_RDONLY)


def readable(file: int, patience: float = 0.0) -> bool:
    """Whether something can be read, or the end was reached, within so many seconds."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(1000 * patience))
