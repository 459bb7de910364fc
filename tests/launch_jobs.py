"""Jobs that the launcher's tests run in processes of their own."""

import os
import signal
import subprocess
import sys
import time

from benchmark.errors import UserError
from benchmark.running.launch import Crash


def double(report, x):
    report(0.5)
    return 2 * x


def double_when_told(report, x, told):
    report(0.25)
    while not told.exists():
        time.sleep(0.02)
    return 2 * x


def complain(report):
    raise UserError("One clear sentence.")


def die(report):
    os.kill(os.getpid(), signal.SIGKILL)


def hang(report):
    time.sleep(600)


def visible_gpu(report):
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def write_pid_and_wait(report, path):
    path.write_text(str(os.getpid()))
    time.sleep(600)


def whole_environment(report):
    return os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpgid(0) == os.getpid(), signal.getsignal(signal.SIGINT).name


def raise_what_has_no_text(report):
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError

    raise Silent


def raise_twenty_megabytes(report):
    raise ValueError("x" * 20_000_000)


def exit_at_once(report):
    os._exit(0)


def exit_politely(report):
    sys.exit("goodbye")


def close_everything(report):
    os.closerange(0, 256)
    return 1


def close_output_and_answer(report):
    sys.stdout.close()
    os.close(1)
    return 1


def write_into_every_file(report):
    for number in range(3, 64):
        try:
            os.write(number, b"\xff" * 64)
        except OSError:
            continue
    return 1


def answer_with_a_lambda(report):
    return lambda: 1


def recurse(report):
    return recurse(report)


def leave_a_worker(report, path):
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False)
    path.write_text(str(worker.pid))
    return 1


def leave_a_worker_elsewhere_and_hang(report, path):
    worker = subprocess.Popen(["sleep", "600"], start_new_session=True)
    path.write_text(str(worker.pid))
    time.sleep(600)


def load_with_workers(report):
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    return sum(int(x.sum()) for (x,) in DataLoader(TensorDataset(torch.ones(8)), batch_size=4, num_workers=1))


def stop_oneself(report, path):
    path.write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)


def stop_when_asked(report, path):
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    report("waits")
    while not asked:
        time.sleep(0.01)
    path.touch()
    return "kept"


def break_in_the_second(report, how, worker):
    """The first of two processes waits for ever, or until the second one is through."""
    if worker.rank == 0 and how != "fine":
        time.sleep(600)
    if how == "die" and worker.rank:
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "say":
        return Crash("oom", "No memory was left.")
    return worker.size if worker.rank == 0 else None


def stop_before_step(report, number, *of_the_cell):
    """A cell in several processes, the first of which is asked to stop."""
    from benchmark.running.keep import Stop
    from benchmark.running.keeper import Keeper
    from benchmark.running.kept_cell import run_shared_cell

    left, step = [number], Keeper.step

    def counted(self, *arguments):
        Stop.asked = Stop.asked or (left[0] == 0 and of_the_cell[-1].rank == 0)
        left[0] -= 1
        return step(self, *arguments)

    Keeper.step = counted
    return run_shared_cell(report, *of_the_cell)
