"""Break things while a suite runs, go on, and compare with a run that nobody disturbed.

Process faults are real: signals to a running `beyond run`, its server and its cells. File faults are many: the run's
own code with its training replaced by the records of the undisturbed run, in a fork whose file functions fail, that is
killed at a random moment, or that finds damaged files. After each fault the same command is given again, undisturbed;
where a real run has left checkpoints it is real, too, and goes on from them, whole or damaged.
All columns of the table but the first must be zero.

    python scripts/inject_faults.py --seconds 600 --seed 1
"""

import argparse
import errno
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from benchmark.ending import one_sentence
from benchmark.errors import UserError
from benchmark.running import run as running
from benchmark.running.executors import Local
from benchmark.running.processes import close_server
from benchmark.running.store import KEPT, RUNS
from benchmark.schema.record import Record, read_record, write_record
from benchmark.tables.files import write_tables

ROOT = Path(__file__).resolve().parent.parent
SUITE = {
    "title": "some epochs of a few digits",
    "dataset": "digits",
    "backbones": [{"name": "cifar_resnet8"}],
    "modules": [2],
    "recipe": {"epochs": 12, "batch": 32, "lr": 0.05},
    "seeds": 2,
    "validation": 0.1,
    "limit": 96,
}
METHODS = ("dgl", "greedy_sl")
COMMAND = [sys.executable, "-c", "from benchmark.entry import main; main()", "run", "tiny"]
COMMAND += [word for method in METHODS for word in ("--method", method)]
CHECKPOINTS = KEPT.with_name("checkpoints")
MARK = "BEYOND_FAULT_TRIAL"  # in the environment of all processes of a trial
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)
LONGEST = 180.0  # seconds of a trial; then it hangs
COLUMNS = ("faults", "cells lost", "false records", "hangs", "tracebacks", "processes left", "files left", "dead ends")


class Silent:
    """An observer that hears nothing."""

    def begin(self, total: int, done: int) -> None: ...
    def progress(self, cell: object, fraction: float) -> None: ...
    def finished(self, cell: object, record: Record) -> None: ...
    def note(self, sentence: str) -> None: ...


class Hasty(Silent):
    """An observer that stops every cell after its first epoch."""

    def progress(self, cell: object, fraction: float) -> None:
        for pid in family(os.getpid())["cell"]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def furnish(folder: Path) -> None:
    """A checkout with one tiny suite."""
    for name in ("methods", "datasets"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "results").mkdir()
    (folder / "suites.yaml").write_text(yaml.safe_dump({"tiny": SUITE}), encoding="utf-8")


def undisturbed() -> dict[str, Record]:
    """Train for real, once; the records by their path."""
    running.run_suite("tiny", METHODS, Silent())
    return {str(path): read_record(path) for path in sorted(RUNS.rglob("*.json"))}


def trained(record: Record) -> object:
    """All of a record that training determines."""
    rows = [(row.epoch, row.losses, row.validation_top1) for row in record.accuracy.curve] if record.accuracy else None
    return record.status, record.fingerprint, record.cuts, record.options, rows


class Trials:
    """Faults of all kinds, and what they did."""

    def __init__(self, folder: Path, base: dict[str, Record], rng: random.Random) -> None:
        self.folder, self.base, self.rng = folder, base, rng
        self.table: dict[str, Counter[str]] = {}
        self.odd: list[str] = []  # what was seen, in words

    def clean(self, finished: int = 0) -> None:
        """Back to the start, with so many cells finished."""
        for name in (".beyond", "results"):
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (self.folder / "results").mkdir()
        chosen = self.rng.sample(sorted(self.base), finished)
        for path in chosen:
            write_record(self.base[path], KEPT / f"{self.base[path].fingerprint}.json")
            write_record(self.base[path], Path(path))

    def count(self, kind: str, what: str, sentence: str = "") -> None:
        """Note one more of a column."""
        self.table.setdefault(kind, Counter())[what] += 1
        if what != "faults":
            self.odd.append(f"{kind}: {what}: {sentence[:300]}")

    def judge(self, kind: str, ending: tuple[int | None, str], again: tuple[int | None, str], kept: set[str]) -> None:
        """Compare after the fault (``ending``) and after the same command, undisturbed (``again``)."""
        self.count(kind, "faults")
        for code, said in (ending, again):
            if code is None:
                self.count(kind, "hangs", said)
            if "Traceback" in said or "Exception ignored" in said:
                self.count(kind, "tracebacks", said[-300:])
        if again[0] != 0:
            self.count(kind, "dead ends", f"{again}")
        if lost := kept - kept_now():
            self.count(kind, "cells lost", f"{lost}")
        for path, record in self.base.items():
            found = None
            with suppress(UserError):
                found = read_record(Path(path))
            if found is None or not found.genuine or trained(found) != trained(record):
                self.count(kind, "false records", f"{path}: {found and found.error}")
        for path in self.folder.rglob("*.tmp"):
            self.count(kind, "files left", str(path))

    def file_fault(self) -> None:
        """One fault of a file, in a fork."""
        kind, disturb = self.rng.choice(FILE_FAULTS)
        self.clean(self.rng.randrange(len(self.base) + 1))
        disturb_inside = disturb(self)
        ending = self.forked(disturb_inside)
        kept = kept_now()
        self._clear_the_way()
        self.judge(kind, ending, self.forked(lambda: None), kept)

    def _clear_the_way(self) -> None:
        """Do what the sentence says."""
        for path in (self.folder / ".beyond", KEPT, Path("results/runs"), Path("results/runs/tiny")):
            if path.is_file():
                path.unlink()
        for path in [*self.folder.glob("results/*.csv"), *self.folder.rglob("*.json")]:
            if path.is_dir():
                shutil.rmtree(path)

    def forked(self, disturb: Callable[[], object]) -> tuple[int | None, str]:
        """Exit code and standard error of a run in a fork, its training replaced by the records of before."""
        log = self.folder.parent / "log"
        pid = os.fork()
        if not pid:
            self._inside(disturb, log)
        deadline = time.monotonic() + LONGEST
        while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return None, log.read_text(encoding="utf-8")
            time.sleep(0.002)
        return os.waitstatus_to_exitcode(ended[1]), log.read_text(encoding="utf-8", errors="replace")

    def _inside(self, disturb: Callable[[], object], log: Path) -> None:
        code = 99
        try:
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
            with one_sentence():  # the signal of a fault may come at once, or never
                disturb()
                running.run_suite("tiny", METHODS, Silent())
                write_tables()
                signal.setitimer(signal.ITIMER_REAL, 0)
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException as error:
            os.write(2, f"Traceback: {error!r}\n".encode())
        os._exit(code)

    def process_fault(self) -> None:
        """A signal to a real run."""
        target = self.rng.choice(("main", "server", "cell"))
        name = self.rng.choice(("KILL", "TERM", "INT", "STOP"))
        self.clean(self.rng.randrange(len(self.base)))
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                COMMAND, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True, env={**os.environ, MARK: "1"}
            )
            hit = self._hit(process, target, getattr(signal, f"SIG{name}"))
            code: int | None
            try:
                code = process.wait(LONGEST)
            except subprocess.TimeoutExpired:
                code = None
                process.kill()
                process.wait()
            log.seek(0)
            ending = code, log.read().decode(errors="replace")
        kind = f"SIG{name} to the {target}" if hit else "no fault (it had ended)"
        for pid in left_after(10.0):
            self.count(kind, "processes left", Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"))
            os.kill(pid, signal.SIGKILL)
        kept, checkpoints = kept_now(), list(CHECKPOINTS.glob("*.pt"))
        if not checkpoints:
            self.judge(kind, ending, self.forked(lambda: None), kept)
            return
        how = self._damage(checkpoints)
        self.judge(f"{kind}, {how}", ending, real_run(), kept)
        for path in CHECKPOINTS.iterdir():
            self.count(kind, "files left", str(path))

    def _damage(self, checkpoints: list[Path]) -> str:
        """Leave checkpoints as they are, or make of each what no cell may go on from; in words."""
        how = self.rng.choice(("whole checkpoint", "truncated checkpoint", "garbled checkpoint", "foreign checkpoint"))
        for path in checkpoints:
            content = path.read_bytes()
            place = self.rng.randrange(len(content))
            if how.startswith("truncated"):
                path.write_bytes(content[:place])
            elif how.startswith("garbled"):
                path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            elif how.startswith("foreign"):
                others = [p for p in self.base.values() if p.fingerprint != path.stem]
                path.replace(path.with_name(f"{self.rng.choice(others).fingerprint}.pt"))
        return how

    def checkpoint_fault(self) -> None:
        """All cells of a real run are stopped, and what they have left of checkpoints is damaged, or is not."""
        self.clean()
        with suppress(running.OutOfTime):
            running.run_suite("tiny", METHODS, Hasty())
        checkpoints = sorted(CHECKPOINTS.glob("*.pt"))
        how = self._damage(checkpoints) if checkpoints else "no checkpoint"
        self.judge(f"stopped, {how}", (0, ""), real_run(), kept_now())
        for path in CHECKPOINTS.iterdir():
            self.count(f"stopped, {how}", "files left", str(path))

    def _hit(self, process: subprocess.Popen[bytes], target: str, number: int) -> bool:
        """Send the signal at a random moment; a stopped one goes on after a while, but for the server."""
        moment = time.monotonic() + self.rng.choice((0.3, 3.0, 12.0)) * self.rng.random()
        while process.poll() is None:
            time.sleep(0.01)
            pids = {"main": [process.pid], **family(process.pid)}[target]
            if pids and time.monotonic() > moment:
                with suppress(ProcessLookupError):
                    os.kill(pid := self.rng.choice(pids), number)
                    if number == signal.SIGSTOP and target != "server":
                        time.sleep(self.rng.random() * 3)
                        os.kill(pid, signal.SIGCONT)
                    return True
        return False


def real_run() -> tuple[int | None, str]:
    """Exit code and standard error of a run that nobody disturbs."""
    try:
        ended = subprocess.run(COMMAND, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return None, "the same command, given again"
    return ended.returncode, ended.stderr.decode(errors="replace")


def kept_now() -> set[str]:
    """Names of the cells whose kept records are whole."""
    found = set()
    for path in KEPT.glob("*.json") if KEPT.is_dir() else ():
        with suppress(UserError):
            if path.is_file() and read_record(path).genuine:
                found.add(path.name)
    return found


def family(main: int) -> dict[str, list[int]]:
    """The server and the cells of a run."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(stat.parent.name))
    servers = [pid for pid in parents.get(main, []) if "running.server" in command_line(pid)]
    return {"server": servers, "cell": [cell for server in servers for cell in parents.get(server, [])]}


def command_line(pid: int) -> str:
    """Its words; empty if it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    return ""


def left_after(patience: float) -> list[int]:
    """Processes of a trial that are still there after so many seconds."""
    deadline = time.monotonic() + patience
    while True:
        left = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if f"{MARK}=1".encode() in path.read_bytes().split(b"\0"):
                    left.append(int(path.parent.name))
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def failing(trials: Trials) -> Callable[[], None]:
    """A function of the file system that fails from some call on, once or for ever, on some of the folders."""
    rng = trials.rng
    name = rng.choice(("replace", "mkdir", "unlink", "write"))
    number, first, forever = rng.choice(ERRORS), rng.randrange(12), rng.random() < 0.5
    where = rng.choice((".beyond", "results/runs", "results", ""))
    calls = 0

    def hit(path: object) -> bool:
        nonlocal calls
        calls += where in str(path)
        return where in str(path) and (calls > first if forever else calls == first + 1)

    def disturb() -> None:
        owner, attribute = (Path, "write_text") if name == "write" else (os, name)
        honest = getattr(owner, attribute)

        def broken(path: object, *others: object, **named: object) -> object:
            if hit(others[0] if name == "replace" else path):
                if name == "write":
                    honest(path, "{")
                raise OSError(number, os.strerror(number), str(path))
            return honest(path, *others, **named)

        setattr(owner, attribute, broken)

    return disturb


def killed(trials: Trials) -> Callable[[], None]:
    """A signal at a random moment while files are written."""
    number = trials.rng.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    moment = trials.rng.random() ** 2 * 0.4

    def disturb() -> None:
        from benchmark.ending import listen

        listen()
        if number == signal.SIGKILL:
            signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        else:
            signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(number))
        signal.setitimer(signal.ITIMER_REAL, moment + 1e-4)

    return disturb


def limited(trials: Trials) -> Callable[[], None]:
    """No file may grow beyond a few bytes."""
    most = trials.rng.choice((0, 100, 2000, 4000))

    def disturb() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return disturb


def damaged(trials: Trials) -> Callable[[], None]:
    """Files of an earlier run that are cut short, garbled, empty, or something else than files."""
    rng = trials.rng
    trials.clean(len(trials.base))
    files = sorted([*KEPT.glob("*.json"), *RUNS.rglob("*.json")])
    for path in rng.sample(files, rng.randrange(1, 4)):
        content = path.read_bytes()
        path.unlink()
        match rng.randrange(6):
            case 0:
                path.write_bytes(content[: rng.randrange(len(content))])
            case 1:
                place = rng.randrange(len(content))
                path.write_bytes(content[:place] + rng.randbytes(3) + content[place + 3 :])
            case 2:
                path.touch()
            case 3:
                path.mkdir()
            case 4:
                path.symlink_to("nowhere")
            case 5:
                path.write_bytes(content.replace(b'"test_top1": ', b'"test_top1": 9', 1))
    return lambda: None


def in_the_way(trials: Trials) -> Callable[[], None]:
    """A file where a folder belongs, or a folder where a file belongs."""
    name = trials.rng.choice(
        (".beyond", "results/runs", "results/leaderboard.csv", "results/runs/tiny", ".beyond/cells")
    )
    path = trials.folder / name
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if name.endswith(".csv") else path.touch()
    return lambda: None


FILE_FAULTS: list[tuple[str, Callable[[Trials], Callable[[], None]]]] = [
    ("a file function fails", failing),
    ("killed while writing", killed),
    ("files cannot grow", limited),
    ("damaged files", damaged),
    ("something in the way", in_the_way),
]


@contextmanager
def faked_training(base: dict[str, Record]) -> Iterator[None]:
    """Cells are not trained: the records of before are handed out."""
    by_print = {record.fingerprint: record for record in base.values()}
    data = next(iter(base.values())).provenance
    honest = Local.train, running.run_one
    Local.train = lambda self, work, *_: ((one.cell, by_print[one.fingerprint]) for one in work)  # type: ignore
    running.run_one = lambda *_: (data and data.dataset_fingerprint, 0)
    try:
        yield
    finally:
        Local.train, running.run_one = honest  # type: ignore[method-assign]


def inject(
    folder: Path, seed: int, seconds: float, file_faults: int, process_faults: int, checkpoint_faults: int = 0
) -> Trials:
    """Faults until the time is up or all are done, those of processes evenly between; ``folder`` is the current one."""
    deadline = time.monotonic() + seconds
    base = undisturbed()
    write_tables()  # so that what it imports is there in all forks
    trials = Trials(folder, base, random.Random(seed))
    for _ in range(checkpoint_faults):
        trials.checkpoint_fault()
    close_server()
    every = max(1, file_faults // max(1, process_faults))
    with faked_training(base):
        for n in range(file_faults):
            if time.monotonic() > deadline:
                break
            trials.file_fault()
            if n % every == every - 1:
                trials.process_fault()
    return trials


def printed(trials: Trials) -> str:
    """The table, and what is not zero in words."""
    text = io.StringIO()
    rows = {**dict(sorted(trials.table.items())), "all": sum(trials.table.values(), Counter())}
    print(f"{'kind':45}", *(f"{name:>14}" for name in COLUMNS), file=text)
    for kind, counts in rows.items():
        print(f"{kind:45}", *(f"{counts[name]:14}" for name in COLUMNS), file=text)
    print(*trials.odd, sep="\n", file=text)
    return text.getvalue()


def main() -> None:
    """The long form; exit 1 where a column that must be zero is not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--file-faults", type=int, default=2000)
    parser.add_argument("--process-faults", type=int, default=100)
    parser.add_argument("--checkpoint-faults", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        checkout.mkdir()
        furnish(checkout)
        os.chdir(checkout)
        numbers = asked.file_faults, asked.process_faults, asked.checkpoint_faults
        trials = inject(checkout, asked.seed, asked.seconds, *numbers)
        os.chdir(ROOT)
    print(printed(trials))
    sys.exit(bool(trials.odd))


if __name__ == "__main__":
    main()
