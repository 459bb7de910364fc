"""Jobs of a Ray cluster (the extra ``ray``), which is found as Ray finds it: ``RAY_ADDRESS``, or this machine's.

Ray ends the jobs of a sweep that is gone, and with their workers the cells, which keep what they have.
"""

import logging
import os
import socket
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.running.executors import worker
from benchmark.running.executors.needs import Needs
from benchmark.running.executors.sweep import Ended


def _knock(address: str) -> None:
    """Fail at once where nobody listens; Ray itself goes on trying for minutes, and says so all the time."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "//" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


def _can(needs: Needs, nodes: Sequence[Mapping[str, float]]) -> bool:
    wanted = {"CPU": needs.cpus, "GPU": needs.gpus, "memory": needs.memory * 1e9}
    return any(all(node.get(name, 0) >= least for name, least in wanted.items()) for node in nodes)


class Ray:
    """A cluster whose nodes see this folder and this Python."""

    name, poll = "Ray", 2.0

    def __init__(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise UserError("Jobs of Ray need it: pip install 'beyond-backprop[ray]'.") from None
        address = os.environ.get("RAY_ADDRESS") or "auto"
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"No Ray cluster answers ({reason}): `ray start --head`, or set RAY_ADDRESS.") from None
        self.ray, self.jobs = ray, dict[str, tuple[Any, Needs]]()

    def submit(self, name: str, command: Sequence[str], needs: Needs) -> str:
        """Hand a command in.

        Raises:
            UserError: no node has what it needs.
        """
        if not _can(needs, self._nodes()):
            raise UserError(f"No node of the Ray cluster has {needs.gpus} GPUs and {needs.cpus} cores.")
        task = self.ray.remote(num_cpus=needs.cpus, num_gpus=needs.gpus, memory=int(needs.memory * 1e9), max_retries=0)(
            worker.work
        )
        job = task.options(name=name).remote(list(command), Path.cwd(), worker.environment())
        self.jobs[job.hex()] = job, needs
        return str(job.hex())

    def _nodes(self) -> list[Mapping[str, float]]:
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def look(self, jobs: Collection[str]) -> Mapping[str, Ended]:
        """Those of the jobs that have ended, or that no node is left for."""
        refs = {self.jobs[job][0]: job for job in jobs}
        ready, _ = self.ray.wait(list(refs), num_returns=len(refs), timeout=0) if refs else ([], [])
        ended = {refs[ref]: self._ended(ref) for ref in ready}
        nodes = self._nodes()
        lost = [job for job in jobs if job not in ended and not _can(self.jobs[job][1], nodes)]
        self.cancel(lost)  # or they would begin beside those that replace them, when a node comes back
        return ended | {job: Ended(None, "no node of the cluster is left that it fits on") for job in lost}

    def _ended(self, ref: Any) -> Ended:
        try:
            return Ended(*self.ray.get(ref))
        except self.ray.exceptions.TaskCancelledError:
            return Ended(None, "it was cancelled", cancelled=True)
        except self.ray.exceptions.RayError as error:
            return Ended(None, f"Ray says {type(error).__name__}")

    def cancel(self, jobs: Collection[str]) -> None:
        """An exception in the worker, which then stops its command."""
        for job in jobs:
            self.ray.cancel(self.jobs[job][0])
