"""Whether a method's modules can train at the same time, by what its class says; else why they cannot."""

from benchmark.engine.training.method import LocalMethod, Method, ModularMethod


def why_not_parallel(method: type[Method]) -> str | None:
    """Why the modules of this method cannot each train in a process of its own; none where they can.

    What cannot be told from the class is found at the first step (:class:`benchmark.engine.parallel.stage.Stage`).
    """
    if "update" not in method.removes:
        return "it does not claim to remove the update lock: a module waits for what comes back from those after it"
    if not issubclass(method, LocalMethod | ModularMethod):
        return "its losses are not one a module on the output of the module before it"
    if method.after_step is not Method.after_step:
        return "after a module's step it reaches into another module, against the way that features go"
    return None
