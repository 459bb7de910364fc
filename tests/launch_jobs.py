"""Jobs that the launcher's tests run in processes of their own."""

import os
import signal
import time

from benchmark.errors import UserError


def double(report, x):
    report(0.5)
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
