"""Jobs of a Slurm cluster, handed in by submitit (the extra ``slurm``).

Partition, account and the like are Slurm's own to read, from ``SBATCH_PARTITION``, ``SBATCH_ACCOUNT`` and so on. States
are read with squeue, which a cluster without accounting has, too.
"""

import math
import shutil
import subprocess
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.running.executors import worker
from benchmark.running.executors.needs import Needs
from benchmark.running.executors.sweep import JOBS, Ended

ALIVE = {
    "PENDING",
    "CONFIGURING",
    "RUNNING",
    "COMPLETING",
    "SUSPENDED",
    "REQUEUED",
    "RESIZING",
    "SIGNALING",
    "STAGE_OUT",
}
LOOKS = 3  # at a job that has ended, until its answer must be there
OWN = ["squeue", "--noheader", "--me", "--states=all", "--format=%i|%T"]


class Slurm:
    """A cluster whose commands are on this machine, and whose nodes see this folder."""

    name, poll = "Slurm", 5.0

    def __init__(self) -> None:
        try:
            import submitit
        except ImportError:
            raise UserError("Jobs of Slurm are handed in by submitit: pip install 'beyond-backprop[slurm]'.") from None
        if missing := [program for program in ("sbatch", "srun", "squeue") if not shutil.which(program)]:
            raise UserError(f"There is no Slurm here: {missing[0]} is not found.")
        self.executor = submitit.SlurmExecutor(folder=(JOBS / "slurm").absolute())
        self.jobs: dict[str, Any] = {}
        self.gone = Counter[str]()  # looks at which a job without an answer had ended

    def submit(self, name: str, command: Sequence[str], needs: Needs) -> str:
        """Hand a command in; one of the same name that an earlier sweep left behind ends first."""
        self.executor.update_parameters(
            job_name=name,
            time=math.ceil(needs.minutes),  # to Slurm, 0 is no limit
            cpus_per_task=needs.cpus,
            mem=f"{needs.memory * 1000:.0f}M",
            dependency="singleton",
            additional_parameters={"no-requeue": True},  # who handed it in does that
            **({"gpus_per_node": needs.gpus} if needs.gpus else {}),
        )
        try:
            job = self.executor.submit(worker.work, list(command), Path.cwd(), worker.environment())
        except Exception as error:  # submitit has no class for a refusal
            lines = [line for line in str(error).splitlines() if "error:" in line] or [str(error)]
            raise UserError(f"Slurm does not take the job: {lines[0].removeprefix('sbatch: ')}") from None
        self.jobs[job.job_id] = job
        return job.job_id

    def look(self, jobs: Collection[str]) -> Mapping[str, Ended]:
        """Those of the jobs that have ended; none where Slurm does not answer."""
        asked = subprocess.run(OWN, capture_output=True, encoding="utf-8")
        if asked.returncode:
            return {}
        states = dict(line.split("|", 1) for line in asked.stdout.split())
        found = {job: self._ended(job, states.get(job, "gone")) for job in jobs}
        return {job: ended for job, ended in found.items() if ended}

    def _ended(self, job: str, state: str) -> Ended | None:
        if state in ALIVE:
            return None
        self.gone[job] += 1
        answered = self.jobs[job].paths.result_pickle.exists()
        if not answered and self.gone[job] < LOOKS and state not in ("CANCELLED", "TIMEOUT"):
            return None
        code, sentence = None, f"Slurm says {state}"
        if answered:
            how, said = self.jobs[job]._get_outcome_and_result()
            code, sentence = said if how == "success" else (None, str(said).strip().rpartition("\n")[2])
        return Ended(code, sentence, cancelled=state == "CANCELLED")

    def cancel(self, jobs: Collection[str]) -> None:
        """Slurm sends SIGTERM, and SIGKILL after its KillWait."""
        subprocess.run(["scancel", *jobs], capture_output=True)
