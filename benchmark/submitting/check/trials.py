"""The checks that run a method: each takes its class, returns a sentence, or raises one that says what to do."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from secrets import randbelow

import torch
from torch import nn
from torch.optim import Optimizer

from benchmark.engine import golden
from benchmark.engine.load import load_method
from benchmark.engine.measuring.company import evaluate_twice, fresh_copy
from benchmark.engine.measuring.cost import Simulation, simulate
from benchmark.engine.measuring.examiner import Examiner
from benchmark.engine.measuring.isolation import leak_at_start
from benchmark.engine.measuring.meter import PeakBytes, tensors_in
from benchmark.engine.measuring.pace import step_ratio
from benchmark.engine.measuring.reality import check_in_training, check_simulation, real_steps
from benchmark.engine.measuring.state import GENERATORS, near, randomness_kept
from benchmark.engine.measuring.world import World, copied, observe
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.evaluate import accuracy
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import Diverged, train_step
from benchmark.errors import UserError
from benchmark.schema.plugins import LABELS
from benchmark.schema.suite import TWIN
from benchmark.submitting.check.findings import Failed, explain
from benchmark.submitting.check.problem import (
    BACKBONES,
    MODULES,
    RECIPE,
    Training,
    batch_of,
    digits,
    home,
    make,
    train,
    world,
)

STEPS = 20  # within which losses must fall
FEW = 3  # steps before and after an interruption
# Without Adam's division, which makes a step of the rounding of a gradient that is nearly zero.
PLAIN = RECIPE.changed({"optimizer": "sgd", "lr": 0.01})
FROZEN = "frozen"  # what no optimiser moves in an auxiliary network


def runs_everywhere(method: type[Method]) -> str:
    """It trains on every backbone, or says which it cannot."""
    ran, refused = [], []
    for backbone in BACKBONES:
        for k in MODULES:
            try:
                made = make(method, backbone, k)
            except UserError as error:
                if not method.requires:
                    raise Failed(f"{backbone}, K={k}: {error} Say in `requires` what the backbone must have.") from None
                refused.append(f"{backbone} (K={k})")
                continue
            try:
                train(made, steps=made.lag + 2)
            except Exception as error:
                raise Failed(f"{backbone}, K={k}: {explain(error)}") from None
            ran.append(f"{backbone} (K={k})")
    if not ran:
        raise Failed("It refuses a ResNet, a ViT, a ConvNeXt and a perceptron; at least one of them must do.")
    _check_variants(method, ran[0].partition(" ")[0])
    _check_double(method)
    return f"Runs on {', '.join(ran)}" + (f"; refuses {', '.join(refused)}, as declared." if refused else ".")


def _check_variants(method: type[Method], backbone: str) -> None:
    """Raise Failed where a variant does not train; all else is tried of the first one alone."""
    for name, options in list(method.variants.items())[1:]:
        try:
            made = make(method, backbone, MODULES[0], options)
            train(made, steps=made.lag + 1)
        except Exception as error:
            raise Failed(f"Variant {name!r}: {explain(error)}") from None


def _check_double(method: type[Method]) -> None:
    """Raise Failed where it does not train in float64, in which `beyond register` keeps its first losses."""
    for options in method.variants.values() or [{}]:
        try:
            golden.trajectory(golden.build(method, options), digits(method.views)[0])
        except Exception as error:
            raise Failed(
                f"In float64, as `beyond register` trains it for a few steps: {explain(error)}; give what you make the "
                "type of what it meets, as by `.to(h.dtype)` or `torch.zeros_like(h)`."
            ) from None


def is_isolated(method: type[Method]) -> str:
    """No loss moves a module that is further away than claimed, and no module moves by what is beyond its reach."""
    if method.reach is None:
        return "Claims no isolation."
    for k in MODULES:
        if found := _leak(method, k):
            raise Failed(f"At K={k} {found}.")
    return f"No module's update hangs on more than {method.reach} modules beyond its own, as claimed."


def _leak(method: type[Method], k: int) -> str | None:
    """What breaks the claim, when phases begin or somewhere in a short training."""
    fresh = partial(world, method, home(method), k)
    batches = {phase: Training.start(fresh().method, each).batch for phase, each in enumerate(fresh().phases)}
    if found := leak_at_start(fresh, lambda phase, count: [batches[phase]] * count):
        return found
    made, examiner = make(method, home(method), k), Examiner(fresh)
    torch.manual_seed(0)
    for number, phase in enumerate(made.phases()):
        Training.start(made, phase).watched(examiner, number, made.lag + STEPS)
    return examiner.leak


def uses_labels_as_said(method: type[Method]) -> str:
    """What a phase learns hangs on no labels, or only on which pictures share a class, where it says so."""
    said = set()
    for options in method.variants.values() or [{}]:
        tried = World(make(method, home(method), MODULES[0], options), PLAIN, torch.device("cpu"))
        torch.manual_seed(0)
        for number, phase in enumerate(tried.phases):
            said.add(phase.labels)
            if phase.labels != "full" and _other_labels_matter(tried, number, batch_of(method, RECIPE.batch)):
                which = "other labels" if phase.labels == "none" else "other names of the same classes"
                raise Failed(
                    f"Phase {number} says that its labels are {phase.labels!r}, but {which} change what it learns: "
                    "say in `labels` what it uses."
                )
    return f"Labels that are used, as declared: {', '.join(label for label in LABELS if label in said) or 'none'}."


def _other_labels_matter(tried: World, number: int, batch: Batch) -> bool:
    """Whether a step of a phase is another one: with ``none`` to the bit, with ``pairs`` but for rounding."""
    stretch = observe(tried.method, number, tried.enter(number), [batch] * (1 + tried.method.lag))
    classes = torch.arange(batch.task.classes)
    if tried.phases[number].labels == "none":
        labels = (batch.y + torch.randint(1, len(classes), batch.y.shape)) % len(classes)
    else:
        labels = classes.roll(1)[batch.y]

    def step(method: Method, shown: Batch, optimizers: dict[int, Optimizer]) -> None:
        view = replace(shown.view, y=labels) if shown.view else None
        train_step(method, replace(shown, y=labels, view=view), optimizers)

    found, after, before = tried.repeat(stretch, step=step), stretch.after, stretch.before[-1].state.flat()
    missed = stretch.missed_by(found)
    if not missed or stretch.missed_by(tried.repeat(stretch)):  # as it should be; or no step is like another one
        return False
    if tried.phases[number].labels == "none" or GENERATORS in missed:
        return True
    mine, theirs = found.flat(), after.flat()
    return not all(near(mine[place], theirs[place], before.get(place, 0 * theirs[place])) for place in missed)


def learns(method: type[Method]) -> str:
    """Losses are finite, and in every phase one of them falls, unless they only carry gradients."""
    made = make(method, home(method), MODULES[-1])
    if not made.phases():
        return "There are no losses: no phase trains anything."
    for number, rows in enumerate(train(made, STEPS)):
        first, last = rows[made.lag], rows[-1]
        if method.descends and not any(b < a for a, b in zip(first, last, strict=True)):
            raise Failed(
                f"In phase {number} no loss fell in {STEPS} steps on one batch; look at the objective's sign and scale,"
                " or say `descends = False` if losses need not fall."
            )
    if not method.descends:
        return "All losses are finite; they carry gradients and need not fall, as declared."
    return f"All losses are finite; in every phase they fall within {STEPS} steps."


def moves_weights(method: type[Method]) -> str:
    """Every weight of a module, and of its auxiliary network, is trained, but for those that are left on purpose."""
    made = make(method, home(method), MODULES[-1])
    everything = nn.ModuleList([made.modules, made.auxiliaries])
    left, initial = left_weights(made), {p: p.detach().clone() for p in everything.parameters()}
    for phase in made.phases():
        parts = {
            k: [p for part in (made.modules[k], made.auxiliaries[k]) for p in part.parameters()] for k in phase.trains
        }
        before = {p: p.detach().clone() for weights in parts.values() for p in weights}
        Training.start(made, phase).losses(made.lag + 2)
        for k, weights in parts.items():
            if any(torch.equal(p, before[p]) for p in weights if p not in left):
                raise Failed(
                    f"A weight of module {k} or its auxiliary network never moves: build only what you use, say in "
                    "`leaves` which weights of modules stay on purpose, and freeze those of auxiliary networks with "
                    "requires_grad_(False) in `auxiliary`."
                )
    _check_left(left, initial)
    trained = {k for phase in made.phases() for k in phase.trains}
    deployed = {p for part in made.deployed() for p in part.parameters()} - left.keys()
    for k, module in enumerate(made.modules):
        if k not in trained and deployed.intersection(module.parameters()):
            raise Failed(
                f"No phase trains module {k}: name it in a phase's `trains`, or say in `leaves` what stays on purpose."
            )
    stays = f"; {', '.join(method.leaves)} stay as they are, as declared" if method.leaves else ""
    return f"Every weight of every module and auxiliary network moves{stays}."


def _check_left(left: dict[nn.Parameter, str], initial: dict[nn.Parameter, torch.Tensor]) -> None:
    """What a method says that it leaves alone must be as it was; a frozen teacher may be a moving average."""
    moved = {word for weight, word in left.items() if word != FROZEN and not torch.equal(weight, initial[weight])}
    if moved:
        word = min(moved)
        raise Failed(f"A weight moves that `leaves` says is left alone ({word!r}): freeze it, or take the word out.")


def left_weights(made: Method) -> dict[nn.Parameter, str]:
    """The weights that the method says it leaves alone, each with the word that says so.

    Those of modules it names in ``leaves``; those of auxiliary networks it has frozen.
    """
    left = {weight: FROZEN for weight in made.auxiliaries.parameters() if not weight.requires_grad}
    for k, module in enumerate(made.modules):
        for part in module.modules():
            for name, weight in part.named_parameters(recurse=False):
                kind = "norms" if is_norm(part) else "biases" if name == "bias" else ""
                for word in ("output" if k == made.last else "hidden", kind):
                    if word in made.leaves:
                        left[weight] = word
    return left


def is_norm(part: nn.Module) -> bool:
    """Whether a layer normalises: its weights are a scale and a shift by channel."""
    return "Norm" in type(part).__name__ and all(p.ndim <= 1 for p in part.parameters())


def leaves_no_trace(method: type[Method]) -> str:
    """Predicting changes neither the network nor what is learned after it."""
    made = make(method, home(method), 2)
    accuracy(made, digits(method.views)[1])  # raises where predicting moves a weight or a buffer
    if made.phases() and _losses_around(method, evaluate=False) != _losses_around(method, evaluate=True):
        raise Failed(
            "Training goes on with other losses after an evaluation: `predict` must leave auxiliary networks, "
            "attributes and torch's random generator alone."
        )
    return "Evaluation leaves no trace."


def _losses_around(method: type[Method], evaluate: bool) -> list[list[float]]:
    """Losses of the last phase before and after a point where the network may be evaluated."""
    made = make(method, home(method), 2)
    torch.manual_seed(0)
    training = Training.start(made, made.phases()[-1])
    rows = training.losses(made.lag + 2)
    if evaluate:
        accuracy(made, digits(method.views)[1])
    return rows + training.losses(made.lag + 2)


def predicts_each_alone(method: type[Method]) -> str:
    """The prediction for a picture hangs neither on other pictures nor on earlier calls, whatever the backbone."""
    for backbone in BACKBONES:
        build = partial(make, method, backbone, MODULES[-1])
        try:
            made = build()
        except UserError:
            continue  # which :func:`runs_everywhere` judges
        train(made, steps=made.lag + 2)
        try:
            evaluate_twice(made, fresh_copy(build, made), digits(method.views)[1], "held-out")
        except (UserError, Diverged) as error:
            raise Failed(f"{backbone}: {error}") from None
        except Exception as error:
            raise Failed(f"{backbone}: {explain(error)}") from None
    return "A picture is predicted alike alone, in other company and in another place."


def repeats(method: type[Method]) -> str:
    """Nothing but the seed decides the losses."""
    runs = [train(make(method, home(method), 2), 4) for _ in range(2)]
    if runs[0] != runs[1]:
        raise Failed("The same seed gives other losses: draw from torch's global generator only.")
    return "The same seed gives the same losses."


def resumes(method: type[Method]) -> str:
    """A fresh method that loads a checkpoint goes on as if nothing had happened, in every phase."""
    made = make(method, home(method), MODULES[-1])
    for part in made.auxiliaries.modules():
        for name, value in vars(part).items():
            if isinstance(value, torch.Tensor):
                raise Failed(
                    f"`{name}` of {type(part).__name__} is a plain tensor, which no checkpoint and no GPU gets: "
                    "use register_buffer."
                )
    torch.manual_seed(0)
    for number, phase in enumerate(made.phases()):
        interrupted = Training.start(made, phase)
        interrupted.losses(made.lag + FEW)
        _check_attributes(made)
        state = interrupted.state()
        expected = interrupted.losses(made.lag + FEW)
        after = torch.get_rng_state()
        fresh = make(method, home(method), MODULES[-1])
        resumed = Training.start(fresh, fresh.phases()[number])
        resumed.load(state)
        if resumed.losses(made.lag + FEW) != expected and not made.lag:
            raise Failed(
                f"In phase {number} a training that is resumed goes on with other losses: keep what lives from step "
                "to step in buffers of the auxiliary networks, not in attributes of the method."
            )
        torch.set_rng_state(after)
    if made.lag:
        return f"Resumed, it goes on with finite losses; its pipeline refills for {made.lag} steps, so they differ."
    return "Resumed from a checkpoint, it goes on with the very same losses, in every phase."


def _check_attributes(made: Method) -> None:
    """Raise Failed where an attribute of a method in the middle of its training holds weights that nobody trains."""
    known = {id(p) for part in (made.modules, made.auxiliaries) for p in part.parameters()}
    for name, value in vars(made).items():
        if any(isinstance(each, nn.Parameter) and id(each) not in known for each in tensors_in(value)):
            raise Failed(
                f"`{name}` holds weights that no optimiser, no checkpoint and no GPU gets: return their network from "
                "`auxiliary`."
            )


def costs(method: type[Method]) -> str:
    """Memory, FLOPs and time of a step against the end-to-end twin's."""

    def build() -> Method:
        return make(method, home(method), MODULES[-1])

    if not build().phases():
        return "Nothing is trained, so no step costs anything."

    def twin() -> Method:
        return make(load_method(TWIN), home(method), MODULES[-1])

    check_length(method)
    batch = batch_of(method, RECIPE.batch)
    own, other = (simulate(b, RECIPE, batch.task, len(batch)) for b in (build, twin))
    _check_meters(method, own)
    check_growth(build())
    pace = step_ratio(build, twin, RECIPE, batch, seconds=0.5)
    return (
        f"At K={MODULES[-1]} a step has {own.peak_bytes / other.peak_bytes:.2f} times the memory, "
        f"{own.step_flops / other.step_flops:.2f} times the FLOPs and {pace.ratio:.1f} times the time of {TWIN}'s."
    )


def check_length(method: type[Method]) -> None:
    """Raise Failed where an option that may be tuned changes how long the method trains: all have one budget."""
    length = sum(phase.share for phase in make(method, home(method), MODULES[-1]).phases())
    for name, values in getattr(method, "tunes", {}).items():
        for value in values:
            try:
                tuned = sum(phase.share for phase in make(method, home(method), MODULES[-1], {name: value}).phases())
            except Exception as error:
                raise Failed(f"With {name} = {value!r}, of `tunes`: {explain(error)}") from None
            if abs(tuned - length) > 1e-6:
                raise Failed(
                    f"With {name} = {value!r} it trains for {tuned:g} times the epochs, else for {length:g}: "
                    "`tunes` may name no option that changes how long it trains."
                )


def _check_meters(method: type[Method], simulated: Simulation) -> None:
    """Raise UserError where real steps, at the start or later, do not cost what was simulated."""
    build = partial(make, method, home(method), MODULES[-1])
    real, steps = real_steps(build, RECIPE, batch_of(method, RECIPE.batch))
    check_simulation(simulated, real)
    made, again = build(), world(method, home(method), MODULES[-1])
    torch.manual_seed(0)
    for number, phase in enumerate(made.phases()):
        training = Training.start(made, phase)
        training.losses(1 + randbelow(STEPS))
        stretch = observe(made, number, training.optimizers, [training.batch] * (1 + made.lag))
        with randomness_kept(training.batch.x.device):
            check_in_training(again, stretch, steps[number])


def check_growth(made: Method) -> None:
    """Raise Failed where tensors gather in attributes from step to step: no simulation of one step sees them."""
    torch.manual_seed(0)
    for phase in made.phases():
        training, held = Training.start(made, phase), []
        for steps in (made.lag + 1, FEW):
            for _ in range(steps):
                training.batch = copied(training.batch)  # a new one each time, as in a training
                training.losses(1)
            held.append(PeakBytes(vars(made)).live)
        if held[1] > held[0]:
            raise Failed(
                f"After {FEW} more steps attributes of the method hold {held[1] - held[0]:,} bytes more: keep nothing "
                "from step to step that grows."
            )


TRIALS: dict[str, Callable[[type[Method]], str]] = {
    "backbones": runs_everywhere,
    "isolation": is_isolated,
    "labels": uses_labels_as_said,
    "losses": learns,
    "weights": moves_weights,
    "evaluation": leaves_no_trace,
    "company": predicts_each_alone,
    "seed": repeats,
    "resume": resumes,
    "cost": costs,
}
