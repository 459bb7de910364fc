"""Slurm and Ray on this machine, started for a test and ended after it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={controller}
SlurmdPort={node}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=30
MinJobAge=300
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=64000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """A cluster of one node, this machine, without accounting; its commands find it by ``SLURM_CONF``."""
    host = socket.gethostname().partition(".")[0]
    ports = _free_ports(2)
    for part in ("state", "spool"):
        (folder / part).mkdir(parents=True)
    key, conf = folder / "munge.key", folder / "slurm.conf"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    words = {"host": host, "folder": folder, "controller": ports[0], "node": ports[1], "cores": os.cpu_count()}
    conf.write_text(CONFIGURATION.format(**words) + "SlurmdParameters=config_overrides\n")
    munge = [f"--{what}-file={folder / what}" for what in ("pid", "log", "seed")]
    munge += [f"--key-file={key}", f"--socket={folder / 'munge.socket'}", "--foreground", "--force"]
    environment = {**os.environ, "SLURM_CONF": str(conf)}
    daemons = [["munged", *munge], ["slurmctld", "-D"], ["slurmd", "-D", "-N", host]]
    started: list[subprocess.Popen] = []
    os.environ["SLURM_CONF"] = str(conf)
    try:
        for daemon in daemons:
            program = shutil.which(daemon[0], path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
            log = (folder / f"{daemon[0]}.out").open("w")
            started.append(subprocess.Popen([program, *daemon[1:]], env=environment, stdout=log, stderr=log))
            time.sleep(0.5)
        until(lambda: _said("sinfo", "--noheader", "--format=%t") == "idle", 60, "Slurm's node is not idle")
        yield
    finally:
        _said("scancel", "--me")
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        del os.environ["SLURM_CONF"]


@contextmanager
def ray_nodes(*cores: int) -> Iterator[list]:
    """A cluster of nodes on this machine, the first of which is its head; found by ``RAY_ADDRESS``."""
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # or its workers get nothing of a busy machine
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        nodes = [_node(cluster, number) for number in cores]
        os.environ["RAY_ADDRESS"] = cluster.address
        yield [cluster, *nodes]
    finally:
        os.environ.pop("RAY_ADDRESS", None)
        import ray

        ray.shutdown()
        cluster.shutdown()


def _node(cluster, cores: int, tries: int = 5):
    """Ray gives a node half a minute to start, which is too little on a busy machine."""
    try:
        return cluster.add_node(num_cpus=cores, object_store_memory=2**27, include_dashboard=False)
    except Exception:
        if tries == 1:
            raise
        return _node(cluster, cores, tries - 1)


def until(true, seconds: float, what: str) -> None:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
