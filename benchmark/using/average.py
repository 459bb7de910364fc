"""An exponential moving average of the weights, which is what is kept in the end."""

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import Watch, train_step
from benchmark.errors import UserError


class Averaging(Watch):
    """Averages weights and statistics after each step; the network has the average when training is over.

    Phases train on what earlier ones left, so an average fits methods of one phase alone.
    """

    def __init__(self, method: Method, decay: float) -> None:
        if not 0 < decay < 1:
            raise UserError(f"ema is {decay}, but must be between 0 and 1, such as 0.999.")
        if len(method.phases()) != 1:
            raise UserError(f"{method.title} trains in {len(method.phases())} phases; an average of weights needs one.")
        self.decay = decay

    def begin(self, method: Method, phase: int, steps: int) -> None:
        """The average starts as the first step leaves the weights."""
        self.average = AveragedModel(method.modules, multi_avg_fn=get_ema_multi_avg_fn(self.decay), use_buffers=True)

    def step(self, method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> list[Tensor]:
        """Make one step, and take it into the average."""
        losses = train_step(method, batch, optimizers)
        self.average.update_parameters(method.modules)
        return losses

    def end(self, method: Method) -> None:
        """The network gets the average."""
        method.modules.load_state_dict(self.average.module.state_dict())
