"""Where the cells of a run train: on this machine, or as jobs of Slurm or Ray, which are extras."""

from benchmark.running.executors.executor import Executor, Work
from benchmark.running.executors.local import Local
from benchmark.running.executors.needs import Needs, parsed_needs

__all__ = ["Executor", "Local", "Needs", "Work", "executor", "parsed_needs"]


def executor(name: str, jobs: int | None, needs: str) -> Executor:
    """The executor of that name: ``local``, ``slurm`` or ``ray``.

    Args:
        jobs: so many cells at a time; by default one for each core or GPU here, or as many as a cluster takes.
        needs: what a job asks a cluster for, where that is not what the suite says.

    Raises:
        UserError: there is no such cluster here, what it needs is not installed, or ``needs`` cannot be read.
    """
    asked = parsed_needs(needs)
    if name == "slurm":
        from benchmark.running.executors.slurm import Slurm
        from benchmark.running.executors.sweep import OnCluster

        return OnCluster(Slurm(), asked, jobs)
    if name == "ray":
        from benchmark.running.executors.ray import Ray
        from benchmark.running.executors.sweep import OnCluster

        return OnCluster(Ray(), asked, jobs)
    return Local(jobs)
