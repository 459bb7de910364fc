"""Train a network of one's own on pictures of one's own: `fit`, which `beyond train` calls."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from benchmark.engine.measuring.cost import simulate
from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.measuring.examiner import Bystander
from benchmark.engine.pictures.data import Batch, Task
from benchmark.engine.pictures.mixing import mixing_of
from benchmark.engine.pictures.picture_file import read_picture
from benchmark.engine.pictures.stream import StreamingLoader
from benchmark.engine.training.evaluate import evaluating, same_logits
from benchmark.engine.training.method import Method
from benchmark.engine.training.seeding import derive_seed, own_randomness
from benchmark.engine.training.tf32 import tf32_of
from benchmark.engine.training.train import Diverged, Epoch, Standing, Watch, set_phase, train_step
from benchmark.errors import UserError
from benchmark.running.cell import train_phases, validate
from benchmark.running.checkpoint import CannotGoOn
from benchmark.running.keeper import Stopped
from benchmark.running.networks import epochs_of
from benchmark.running.preflight import check_optimizer
from benchmark.running.weights import safetensors
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import Backbone, Cell, Suite
from benchmark.schema.text import write_bytes
from benchmark.using.average import Averaging
from benchmark.using.folder import Folder, check_pictures, read_folder
from benchmark.using.kept import anatomy, cannot_go_on, keeper, named, stoppable
from benchmark.using.network import build, freeze, left_to_learn, method_class, network
from benchmark.using.telling import Telling

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as most pretrained networks expect
TRIED = 4  # pictures of a step that is tried
RECIPE = {"epochs": 10, "batch": 64, "optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.05, "decay_norms": False}


@dataclass(frozen=True)
class Fitted:
    """What came of a training."""

    model: nn.Module  # the plain network, trained, in eval mode
    method: Method
    classes: tuple[str, ...]  # names, in the order of the logits
    split: str  # how pictures were held out
    top1: float  # percent, on the pictures that were held out
    curve: list[Epoch]
    seconds: float  # of training alone
    cuda_peak_bytes: int | None  # of the allocator; None without a GPU
    recipe: Recipe

    def step_bytes(self) -> int:
        """Bytes of all tensors that live at the peak of a training step, simulated; never GPU memory.

        Raises:
            UserError: as :func:`benchmark.engine.measuring.cost.simulate`.
        """

        def again() -> Method:
            method = copy.deepcopy(self.method)
            method.modules.cpu()
            method.auxiliaries.cpu()
            return method

        return simulate(again, self.recipe, self.method.task, self.recipe.batch).peak_bytes

    def save(self, path: str | Path) -> None:
        """Write a plain checkpoint as safetensors, which timm's ``create_model(..., checkpoint_path=path)`` reads.

        It wants ``num_classes``, and of a network that is built for a size of pictures (ViT, Swin, MLP-Mixer)
        ``img_size``, too: the one that was trained on.

        Raises:
            UserError: it cannot be written there.
        """
        target = Path(path)
        _check_target(target)
        task = self.method.task
        said = {"classes": self.classes, "mean": task.mean, "std": task.std, "image_size": task.image_size}
        try:
            write_bytes([safetensors(self.model.state_dict(), {"beyond": json.dumps(said)})], target)
        except OSError as error:
            raise UserError(f"{target} cannot be written ({error.strerror or error}).") from error


def fit(
    model: str | nn.Module,
    data: str | Path,
    method: str = "infopro",
    modules: int = 4,
    *,
    image: int = 224,
    options: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    frozen: Sequence[str] = (),
    ema: float | None = None,
    device: str | None = None,
    workers: int = 2,
    seed: int = 0,
    save: str | Path | None = None,
    checkpoint: str | Path | None = None,
    on_epoch: Callable[[float, Epoch], None] = lambda fraction, row: None,
    on_step: Callable[[float], None] = lambda fraction: None,
    say: Callable[[str], None] = lambda sentence: None,
    **recipe: Any,
) -> Fitted:
    """Train a network, cut into gradient-isolated modules, on a folder of pictures; nothing else is written.

    Args:
        model: a name that timm knows, or a network that ends in a logit a class; it is trained in place. Where
            ``torch.fx`` cannot follow it, an ``nn.Sequential`` of units, between which it may be cut.
        data: a folder with ``train/CLASS/`` and ``val/CLASS/``, or with ``CLASS/`` alone; or archives
            (:mod:`benchmark.engine.pictures.parts`).
        method: an id, or the path of a method's file.
        modules: K.
        image: side of the square pictures that are trained on, pixels.
        options: of the method.
        frozen: names of parts of the network that stay as they are.
        ema: decay of an average of the weights a step, such as 0.999; the average is what is kept.
        workers: processes that read pictures; the bits do not hang on how many.
        save: where to write the checkpoint.
        checkpoint: a file that keeps the training while it goes on: after epochs, every five minutes, and at Ctrl-C.
            Where there is one, the same training goes on from it, to the bits of one that was never stopped. It is
            removed in the end.
        on_epoch: called with the fraction of training that is done, and the row of the curve.
        on_step: called after each step with the fraction of training that is done.
        say: called with what a person should know of the pictures and of the checkpoint.
        recipe: fields of :class:`benchmark.schema.recipe.Recipe`, such as ``epochs``, ``batch``, ``lr``, ``precision``,
            ``clip_norm``, ``mixup``, ``label_smoothing``; by default AdamW without weight decay on biases and norms.

    Raises:
        UserError: something cannot be done as asked; nothing was trained then.
        DataMissing: a picture cannot be read; names the file.
        Diverged: a loss is not finite.
        Stopped: it was asked to stop, and its checkpoint is written.
    """
    _check_places(save, checkpoint)
    folder = read_folder(Path(data))
    kind = method_class(method)
    chosen, where = chosen_recipe(recipe), _device(device)
    check_optimizer("optimizer", chosen, where)
    task = _task(model, folder, image, pretrained)
    net = network(model, task, seed, pretrained)
    freeze(net, frozen)
    built = build(net, kind, options or {}, task, modules, seed)
    loaders = _loaders(folder, task, chosen, built.views, where, workers, seed)
    suite, cell = _as_cell(model, method, modules, chosen, where, seed)
    check_pictures(folder)
    _check_alone(net, built, loaders["validation"])  # before anything is trained, too
    _check_soft_labels(built, chosen)
    peak = CudaPeak(torch.device(where))
    standing = Standing()
    steps = Bystander() if ema is None else Averaging(ema)
    watch: Watch = steps
    stopping: AbstractContextManager[None] = nullcontext()
    if checkpoint is not None:
        which = model if isinstance(model, str) else anatomy(model)
        asked = [which, method, modules, image, options, pretrained, frozen, ema, seed, chosen.facts()]
        name = named(asked, kind, folder, torch.device(where))
        kept = keeper(Path(checkpoint), name, built, torch.device(where), steps, peak, say)
        watch, standing, stopping = kept, kept.standing, stoppable()

    say(_begun(folder, task, chosen, loaders["train"], where))
    epochs = epochs_of(built, suite)

    def told(fraction: float) -> None:
        on_epoch(fraction, standing.rows[-1])

    def told_of_step() -> None:
        made = (len(standing.history) + 1) / len(loaders["train"])
        on_step((len(standing.rows) + made) / epochs)

    watch = Telling(watch, told_of_step)
    try:
        with stopping, left_to_learn(net), tf32_of(chosen.precision):
            curve = train_phases(
                cell, suite, loaders, told, built, watch=watch, metered=peak.measured, standing=standing
            )
    except CannotGoOn as reason:
        assert checkpoint is not None
        raise cannot_go_on(Path(checkpoint), reason) from None
    result = Fitted(
        net.to(where).eval(),
        built,
        folder.classes,
        folder.split,
        validate(built, loaders["validation"]),
        curve,
        sum(row.seconds for row in curve),
        peak.bytes,
        chosen,
    )
    _check_alone(net, built, loaders["validation"])
    if save is not None:
        _save(result, Path(save))
    if checkpoint is not None:
        Path(checkpoint).unlink(missing_ok=True)
    return result


def _begun(folder: Folder, task: Task, recipe: Recipe, loader: StreamingLoader, device: str) -> str:
    """What is going to be trained on; a picture that is blown up costs time and holds no more for it."""
    part, side = folder.train, task.image_size
    first = read_picture(part.root, part.files[0], None, None, 3, part.content(0))
    size = f"{first.shape[1]}x{first.shape[0]}"
    blown = f"; the first picture is {size} and blown up to {side}x{side}" if 2 * max(first.shape[:2]) <= side else ""
    return (
        f"{len(part)} pictures of {task.classes} classes, and {len(folder.validation)} held out; "
        f"{len(loader)} steps of {recipe.batch} an epoch, on {device}{blown}."
    )


def _check_alone(net: nn.Module, method: Method, loader: StreamingLoader) -> None:
    x = next(loader.epoch(0)).x.to(next(net.parameters()).device)  # which moves to the GPU when training begins
    if not same_logits(net, method, x):
        if not _same_twice(net, x):
            raise UserError(
                f"{type(net).__name__} predicts something else each time, in eval mode, too, so nobody can say what "
                "it was trained to; let its forward draw at random in train mode alone."
            )
        raise UserError(f"{method.title} leaves a network that alone predicts something else; it makes no checkpoint.")


def _same_twice(net: nn.Module, x: Tensor) -> bool:
    with evaluating([net]):
        return torch.equal(net(x), net(x))


def _check_soft_labels(method: Method, recipe: Recipe) -> None:
    """Try a copy's losses of every phase, before anything is trained, on noise; raises UserError where they refuse."""
    mixing = mixing_of(recipe, method.task.classes)
    if mixing is None:
        return
    side, task = method.task.image_size, method.task
    with own_randomness():
        raw = torch.randint(256, (TRIED, task.channels, side, side), dtype=torch.uint8)

        def made(raw: Tensor, y: Tensor) -> Batch:
            view = Batch(raw, y, task, raw / 255.0) if method.views == 2 else None
            return Batch(raw, y, task, raw / 255.0, view)

        batch = mixing(made(raw, torch.arange(TRIED) % task.classes), 0, made)
        tried = copy.deepcopy(method)
        for phase in tried.phases():
            set_phase(tried, phase)
            for _ in range(1 + tried.lag):
                train_step(tried, batch, {})


def _check_places(save: str | Path | None, checkpoint: str | Path | None) -> None:
    """Find now that one of the two files cannot be written."""
    if save is not None:
        _check_target(Path(save))
    if checkpoint is not None:
        _check_folder(Path(checkpoint))
        if save is not None and Path(save).resolve() == Path(checkpoint).resolve():
            raise UserError(f"{save} cannot hold both, as the checkpoint is removed in the end; name two files.")


def _check_target(path: Path) -> None:
    if path.suffix != ".safetensors" or path.is_dir():
        raise UserError(f"{path} is no name of a checkpoint; give one that ends in .safetensors.")
    _check_folder(path)


def _check_folder(path: Path) -> None:
    """Find now, and not after hours of training, that a file cannot be written there."""
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent} to write {path.name} into.")
    try:
        TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}); choose another folder.") from None


def _save(result: Fitted, path: Path) -> None:
    """Write the weights; where the disk has become full meanwhile, to another one rather than nowhere."""
    try:
        result.save(path)
    except UserError as reason:
        elsewhere = Path(mkdtemp(prefix="beyond-")) / path.name
        result.save(elsewhere)
        raise UserError(f"{reason} So the weights are in {elsewhere}.") from None


def chosen_recipe(said: Mapping[str, Any]) -> Recipe:
    """The recipe with what the user says of it; raises UserError for a field that it lacks, or a value that is none."""
    try:
        return Recipe.model_validate({**RECIPE, **said})
    except ValidationError as error:
        raise _no_recipe(error) from None


def _no_recipe(error: ValidationError) -> UserError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "recipe") or "recipe"
    known = "" if first["type"] != "extra_forbidden" else f"; a recipe has {', '.join(Recipe.model_fields)}"
    return UserError(f"{where}: {first['msg'].removeprefix('Value error, ').rstrip('.')}{known}.")


def _device(asked: str | None) -> str:
    found = asked or ("cuda" if torch.cuda.is_available() else "cpu")
    if found not in ("cpu", "cuda"):
        raise UserError(f"There is no device {found!r}; choose cpu or cuda.")
    if found == "cuda" and not torch.cuda.is_available():
        raise UserError("There is no GPU that torch can use; leave the device out, or say cpu.")
    return found


def _task(model: str | nn.Module, folder: Folder, image: int, pretrained: bool) -> Task:
    if image < 1:
        raise UserError(f"image is {image}, but must be a number of pixels, such as 224.")
    mean, std = MEAN, STD
    if pretrained and isinstance(model, str):
        import timm

        config = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
        mean, std = (tuple(config.mean), tuple(config.std)) if config else (MEAN, STD)  # type: ignore[assignment]
    return Task(len(folder.classes), image, 3, mean, std)


def _loaders(
    folder: Folder, task: Task, recipe: Recipe, views: int, device: str, workers: int, seed: int
) -> dict[str, StreamingLoader]:
    if workers < 0:
        raise UserError(f"workers is {workers}, but must be a number of processes from 0.")
    common: dict[str, Any] = {"device": device, "workers": workers, "seed": derive_seed("data", seed)}
    return {
        "train": StreamingLoader(folder.train, task, recipe.batch, train=True, views=views, **common).following(recipe),
        "validation": StreamingLoader(folder.validation, task, recipe.batch, train=False, **common),
    }


def _as_cell(
    model: str | nn.Module, method: str, modules: int, recipe: Recipe, device: str, seed: int
) -> tuple[Suite, Cell]:
    """The training in the words of the engine, which trains cells of suites; no record is made of it."""
    name = model.replace("/", ".") if isinstance(model, str) else type(model).__name__
    try:
        suite = Suite.model_validate(_suite(modules, recipe, device))
    except ValidationError as error:
        raise _no_recipe(error) from None
    return suite, Cell(suite="own", method=method, variant="", backbone=name, modules=modules, seed=seed)


def _suite(modules: int, recipe: Recipe, device: str) -> dict[str, Any]:
    return {
        **{"title": "pictures of the user", "dataset": "pictures", "backbones": [Backbone(name="own")]},
        **{"modules": [modules], "recipe": recipe, "seeds": 1, "validation": 0.1, "device": device},
    }


__all__ = ["Diverged", "Fitted", "Stopped", "fit"]
