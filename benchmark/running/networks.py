"""Networks of a cell as it trained, for examinations: weights and buffers of all modules and auxiliaries.

A file for each moment that was kept, named by the epochs that were trained by then, ``00000004.safetensors``, in a
folder under the cell's fingerprint. What nobody trained needs no file: the seed draws it again.
"""

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load
from torch import Tensor

from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.running.keep import moments_after, network_file
from benchmark.running.weights import safetensors
from benchmark.schema.suite import Suite
from benchmark.schema.text import write_bytes


def epochs_of(method: Method, suite: Suite) -> int:
    """Epochs of all phases of a training."""
    return sum(suite.recipe.epochs_of(phase.share) for phase in method.phases())


class Networks:
    """Keeps a method's network while it trains; one that cannot be written is said, and stops nothing."""

    def __init__(self, method: Method, suite: Suite, folder: Path, say: Callable[[str], None]) -> None:
        self.method, self.folder, self.say = method, folder, say
        self.epochs = epochs_of(method, suite)
        self.moments = moments_after(self.epochs, suite)

    def heard_by(self, on_progress: Callable[[float], None]) -> Callable[[float], None]:
        """The same report of the fraction that is done after each epoch, which is when networks are kept."""

        def heard(fraction: float) -> None:
            if (epoch := round(fraction * self.epochs)) in self.moments:
                self._keep(epoch)
            on_progress(fraction)

        return heard

    def _keep(self, epoch: int) -> None:
        path = network_file(self.folder, epoch)
        try:
            write_bytes([safetensors(state_of(self.method), {})], path)
        except OSError as error:
            self.say(f"its network cannot be kept in {path} ({error.strerror or error})")


def state_of(method: Method) -> dict[str, Tensor]:
    """All that tells a trained method from one that was just built, by name."""
    parts = {"modules": method.modules, "auxiliaries": method.auxiliaries}
    return {f"{part}.{name}": tensor for part, of in parts.items() for name, tensor in of.state_dict().items()}


def restore(method: Method, path: Path) -> None:
    """Give a method that was just built what was kept of a trained one.

    Raises:
        UserError: the file is damaged, or of another network.
    """
    try:
        state = load(path.read_bytes())
        for part, of in (("modules", method.modules), ("auxiliaries", method.auxiliaries)):
            of.load_state_dict({n.removeprefix(f"{part}."): t for n, t in state.items() if n.startswith(f"{part}.")})
    except Exception as error:  # safetensors has errors of its own
        raise UserError(f"{path} is not the network that was kept there ({type(error).__name__}); delete it.") from None
