"""The process that cells are forked from: it has imported torch once, so that a cell starts in milliseconds.

It lives in a session of its own, where no Ctrl-C of a terminal reaches it or its cells. It never initialises CUDA. It
ends when the process that started it is gone, and takes its cells with it; a cell also ends by itself then, should
this process have been killed. :mod:`benchmark.running.processes` is the other side.
"""

import ctypes
import os
import pickle
import pkgutil
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from benchmark.errors import UserError
from benchmark.running.preload import preload
from benchmark.running.tree import kill_tree

PRELOAD = "benchmark.running.cell"
LENGTH = struct.Struct("!Q")  # of the message that follows
PR_SET_PDEATHSIG = 1
TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


def main(number: int) -> None:
    """Fork a cell for each order that comes in over the socket with this file descriptor, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL_SIGNALS)
    with socket.socket(fileno=number) as orders:
        _on_death_of_parent(signal.SIGKILL)  # while it imports, it looks at nothing else
        if not _closed(orders):
            with suppress(Exception):  # the cell that needs it says why it cannot be imported
                preload(PRELOAD)
        _on_death_of_parent(signal.SIGCONT)  # so that it sees the closed socket even if somebody had stopped it
        _Forks(orders).serve()


class _Forks:
    """The cells that were forked, and what is said of them over the socket."""

    def __init__(self, orders: socket.socket) -> None:
        self.orders, self.living = orders, set[int]()
        self.woken, waking = os.pipe()
        os.set_blocking(waking, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Take orders, and tell who has ended."""
        with suppress(OSError, EOFError):  # the other side is gone
            while True:
                ready, _, _ = select.select([self.orders.fileno(), self.woken], [], [])
                if self.woken in ready:
                    os.read(self.woken, 2**12)
                    self._tell_ended()
                if self.orders.fileno() in ready:
                    self._fork(*_receive_order(self.orders))
        for pid in self.living:
            kill_tree(pid)

    def _fork(self, order: bytes, files: list[int]) -> None:
        pid = os.fork()
        if not pid:
            self._child(order, files)
        with suppress(OSError):  # it has ended already
            os.setpgid(pid, pid)
        for file in files:
            os.close(file)
        self.living.add(pid)
        self._tell("started", pid)

    def _tell(self, *words: object) -> None:
        self.orders.sendall(framed(words))

    def _tell_ended(self) -> None:
        """Of a cell that has ended: first its own processes end, too, while nobody else can have its number."""
        for pid in list(self.living):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                with suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                self.living.discard(pid)
                self._tell("ended", pid, code)

    def _child(self, order: bytes, files: list[int]) -> NoReturn:
        code = 1
        with suppress(BaseException):
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.orders.close()
            run_order(order, *files)
            code = 0
        os._exit(code)


def run_order(order: bytes, answers: int, life: int) -> None:
    """In a cell's process: call what was ordered, and answer; never raises what the call raises."""
    with suppress(OSError):
        os.setpgid(0, 0)  # a group of its own: it is killed with all that it starts
    _on_death_of_parent(signal.SIGCONT)
    threading.Thread(target=_die_with_caller, args=(life,), daemon=True).start()
    os.dup2(2, 1)  # what a method prints is no output of ours
    path, folder, environment, call = pickle.loads(order)
    sys.path[:] = path
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    answer = _answer(call, lambda fraction: write_all(answers, framed(("progress", fraction))))
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    write_all(answers, answer)
    kill_tree(os.getpid(), itself=False)


def _answer(call: bytes, report: Callable[[float], None]) -> bytes:
    from benchmark.running.launch import Crash
    from benchmark.schema.text import said

    try:
        function, arguments = pickle.loads(call)
        return framed(("outcome", pkgutil.resolve_name(function)(report, *arguments)))
    except UserError as error:
        return framed(("outcome", error))
    except BaseException as error:  # also SystemExit: a method shall end nothing but its cell
        return framed(("outcome", Crash("failed", said(error))))


def framed(message: object) -> bytes:
    """A message with its length before it."""
    content = pickle.dumps(message)
    return LENGTH.pack(len(content)) + content


def write_all(file: int, content: bytes) -> None:
    """Write all of it, waiting where the reader is slow."""
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _receive_order(orders: socket.socket) -> tuple[bytes, list[int]]:
    """The next order and its files; raises EOFError where the other side is gone."""
    head, files, _, _ = socket.recv_fds(orders, LENGTH.size, 2)
    content = b""
    if len(head) < LENGTH.size:
        raise EOFError
    while len(content) < LENGTH.unpack(head)[0]:
        chunk = orders.recv(2**16)
        if not chunk:
            raise EOFError
        content += chunk
    return content, list(files)


def _closed(orders: socket.socket) -> bool:
    """Whether the other side is gone already."""
    try:
        return not orders.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def _die_with_caller(life: int) -> None:
    """End this process and all of its own when the caller is gone: kill -9 must leave no orphan training."""
    os.read(life, 1)  # nobody ever writes: it returns when the other end is closed
    kill_tree(os.getpid())


def _on_death_of_parent(number: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
