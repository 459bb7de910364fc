"""An exponential moving average of the weights, which is what is kept in the end."""

from collections.abc import Mapping

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmark.engine.measuring.examiner import Bystander
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.errors import UserError


class Averaging(Bystander):
    """Averages weights and statistics after each step; the network has the average when a phase is over.

    So modules that learn in a later phase learn on averages of those before them.
    """

    def __init__(self, decay: float) -> None:
        if not 0 < decay < 1:
            raise UserError(f"ema is {decay}, but must be between 0 and 1, such as 0.999.")
        super().__init__()
        self.decay = decay

    def begin(self, method: Method, phase: int, steps: int) -> None:
        """The average starts as the first step leaves the weights."""
        super().begin(method, phase, steps)
        self.average = AveragedModel(method.modules, multi_avg_fn=get_ema_multi_avg_fn(self.decay), use_buffers=True)

    def own(self) -> dict[str, Tensor]:
        return self.average.state_dict()

    def go_on_with(self, own: Mapping[str, Tensor]) -> None:
        self.average.load_state_dict(own)

    def step(self, method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> list[Tensor]:
        """Make one step, and take it into the average."""
        losses = super().step(method, batch, optimizers)
        self.average.update_parameters(method.modules)
        return losses

    def end(self, method: Method) -> None:
        """The network gets the average."""
        method.modules.load_state_dict(self.average.module.state_dict())
