"""Equilibrium propagation: states settle freely, then nudged to and from the label; weights learn from the difference.

Scellier & Bengio, "Equilibrium propagation: bridging the gap between energy-based models and backpropagation", 2017; in
discrete time, with the centred estimate and with cross-entropy, Laborieux, Ernoult, Scellier, Bengio, Grollier &
Querlioz, "Scaling equilibrium propagation to deep convnets by drastically reducing its gradient estimator bias", 2021.

    Φ(s) = Σ_{k<K} ⟨f_k(s_{k-1}), s_k⟩,   s_0 = x,   L = CE( f_K(s_{K-1}), y ),   by picture
    s_k ← σ( ∂(Φ - βL)/∂s_k ), all k < K at once;  ∂Φ/∂s_k = f_k(s_{k-1}) + J_{k+1}ᵀ s_{k+1};  σ(u) = min(max(u, 0), 1)

    free      ``free`` steps with β = 0, from s = 0 to s*         nudged    ``nudged`` steps from s* with β, and with -β
    learning  w_k moves along  ( ∂Φ/∂w_k at s^{+β} - ∂Φ/∂w_k at s^{-β} ) / 2β,   w_K against the mean of the two ∂L/∂w_K

f_k: layer k and the pooling behind it, without its nonlinearity, for which σ stands. As β → 0 this is the gradient of L
at s*, up to β² where no state comes upon a bound of σ. f_K is the papers' softmax readout (beside squared error), which
is no state. Prediction is the free phase and the readout: a recurrent network, another than the backbone's forward
pass. Its feedback weights are the forward ones (J: transposed convolutions, pooling undone to where a maximum was).

An update hangs on all layers, so no lock is removed; a step holds one layer's graph at a time. Layers have states, not
modules, so the cut changes nothing: it is trained at K = 1.

Departures: 40 and 15 steps, where the authors have 30 and 10 for two layers on MNIST, and 250 and 25 for five on
CIFAR-10, with β = 1 and, in their code, a σ of ``slope`` 1/2, which settles where larger weights would go round. Their
layers have a learning rate each. Weights begin as the backbone has them; theirs, as torch does.
"""

import copy
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from benchmark import Batch, Features, Method, Partition, Task, in_float32, losses
from benchmark.errors import UserError

LAYERS = ("linear", "conv2d")
POOLS = ("max_pool2d", "avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool2d", "mean")
SHAPES = ("flatten", "view", "reshape", "permute", "transpose", "squeeze", "size", "dim", "__get__", "_assert")
BENDS = ("relu", "relu_", "relu6", "leaky_relu", "elu", "gelu", "silu", "hardtanh", "hardsigmoid", "sigmoid", "tanh")


class EquilibriumPropagation(Method):
    title = "Equilibrium propagation"
    paper = "https://arxiv.org/abs/1602.05179"
    authors = "Scellier & Bengio; Laborieux et al."
    year = 2017
    citation = {"author": "Benjamin Scellier and Yoshua Bengio", "journal": "Frontiers in Computational Neuroscience"}
    family = "weakly modular"
    everywhere = False
    requires = "a plain chain of linear or convolutional layers: no normalisation, no skips, no dropout"
    cut_matters = False
    defaults = {"free": 40, "nudged": 15, "beta": 0.5, "slope": 1.0}
    tunes = {"beta": (0.05, 1.0), "slope": [0.5, 1.0]}
    recipe = {"weight_decay": 3e-4, "batch": 128, "epochs": 120}  # of their code, on CIFAR-10

    def __init__(self, partition: Partition, task: Task, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(partition, task, options)
        h = next(self.modules.parameters()).new_zeros(1, task.channels, task.image_size, task.image_size)
        for layer, features in zip(self.layers, self.features, strict=True):
            tried = copy.deepcopy(layer).eval()
            with torch.no_grad(), Unbent() as seen:
                h = tried(h)
            if odd := [*seen.others, *seen.layers[1:]]:
                raise UserError(f"{self.title} needs {self.requires}; layer {features.name!r} has {odd[0]}, too.")

    @property
    def layers(self) -> list[nn.Module]:
        return [unit for module in self.modules for unit in module.children()]

    @property
    def features(self) -> list[Features]:
        """Of each layer's state; of the last one, the logits."""
        return [features for module in self.unit_outputs for features in module]

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        x, y, o, last = batch.x, batch.y, self.options, len(self.layers) - 1
        free = self.freely(x)
        ends = {beta: [x, *self.settled(x, free, o.nudged, beta, y)] for beta in (o.beta, -o.beta)}
        error = F.cross_entropy(self.driven(last, [x, *free][last]), y).detach()
        for k in range(last):
            phi = [(self.driven(k, s[k]), -s[k + 1] / (2 * beta * len(batch))) for beta, s in ends.items()]
            yield losses.carrying(error, phi)
        yield torch.stack([F.cross_entropy(self.driven(last, s[last]), y) for s in ends.values()]).mean()

    def freely(self, x: Tensor) -> list[Tensor]:
        return self.settled(x, [x.new_zeros(len(x), *f.shape) for f in self.features[:-1]], self.options.free)

    def settled(self, x: Tensor, states: list[Tensor], steps: int, beta: float = 0.0, y: Any = None) -> list[Tensor]:
        """The states, of all layers but the last, after so many steps."""
        with torch.no_grad():
            lowest = self.driven(0, x)  # which does not change
        for _ in range(steps if states else 0):
            states = self.stepped(lowest, states, beta, y)
        return states

    def stepped(self, lowest: Tensor, states: list[Tensor], beta: float, y: Any) -> list[Tensor]:
        slopes = [lowest]
        for k, state in enumerate(states[:-1] if beta == 0 else states, start=1):
            s = state.detach().requires_grad_()
            # a view: counters of FLOPs hang hooks on what enters a layer, and autograd.grad refuses them on leaves
            a, top = self.driven(k, s.view_as(s)), k == len(states)
            value = -beta * F.cross_entropy(a, y, reduction="sum") if top else (a * states[k]).sum()
            slopes[-1] = slopes[-1] + torch.autograd.grad(value, s)[0]
            slopes += [] if top else [a.detach()]
        return [(self.options.slope * slope).clamp(0, 1) for slope in slopes]

    @in_float32  # as is all of it: the states of the phases lie closer than bf16 tells apart
    def driven(self, k: int, below: Tensor) -> Tensor:
        """What layer ``k``, counted from 0, makes of the state below."""
        layer = self.layers[k]
        with Unbent():  # not called as such, which a recipe may have computed again outside of it
            out: Tensor = type(layer).forward(layer, below)
        return out

    def chain(self, x: Tensor) -> Iterator[Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            inputs = [x, *self.freely(x)]
        *ends, last = accumulate(len(module) for module in self.modules)
        yield from (inputs[end] for end in ends)
        yield self.driven(last - 1, inputs[last - 1])


class Unbent(TorchFunctionMode):
    """Inside, nonlinearities do nothing: a layer is what stands between two states."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: list[str] = []
        self.others: list[str] = []  # what a plain layer does not call

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.__name__
        if name in BENDS:
            return args[0]
        if name in LAYERS:
            self.layers.append(name)
        elif name not in POOLS + SHAPES:
            self.others.append(name)
        return function(*args, **(kwargs or {}))
