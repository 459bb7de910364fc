"""Train a network of one's own on pictures of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.terminal import console
from benchmark.errors import UserError


def train(
    data: Annotated[
        Path,
        typer.Option(help="pictures: train/CLASS/ and val/CLASS/, or CLASS/ alone; or tar, WebDataset, Arrow files"),
    ],
    backbone: Annotated[str, typer.Option(help="a network that timm knows")] = "resnet50",
    method: Annotated[str, typer.Option(help="a method's id, or its file")] = "infopro",
    modules: Annotated[int, typer.Option(min=1, help="so many gradient-isolated modules")] = 4,
    save: Annotated[Path | None, typer.Option(help="write a timm checkpoint there, .safetensors")] = None,
    image: Annotated[int, typer.Option(min=1, help="side of the pictures, pixels")] = 224,
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    batch: Annotated[int, typer.Option(min=1, help="pictures a step")] = 64,
    optimizer: Annotated[str, typer.Option(help="timm's name for it")] = "adamw",
    lr: Annotated[float, typer.Option(help="learning rate")] = 1e-3,
    weight_decay: Annotated[float, typer.Option(help="not of biases and normalisation")] = 0.05,
    warmup_epochs: Annotated[float, typer.Option(min=0)] = 0,
    clip_norm: Annotated[float | None, typer.Option(help="largest norm of a module's gradient")] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="such as 0.1, of methods that learn by cross-entropy")
    ] = None,
    mixup: Annotated[float | None, typer.Option(help="alpha, such as 0.2; cross-entropy alone")] = None,
    cutmix: Annotated[float | None, typer.Option(help="alpha, such as 1; cross-entropy alone")] = None,
    rand_augment: Annotated[int | None, typer.Option(help="magnitude, such as 9")] = None,
    ema: Annotated[float | None, typer.Option(help="decay of an average of the weights, such as 0.999")] = None,
    precision: Annotated[str, typer.Option(help="fp32, tf32 or bf16")] = "fp32",
    recompute: Annotated[bool, typer.Option("--recompute", help="compute blocks again in the backward pass")] = False,
    pretrained: Annotated[bool, typer.Option("--pretrained", help="start from timm's weights")] = False,
    freeze: Annotated[list[str] | None, typer.Option(help="leave this part as it is; may be repeated")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda")] = None,
    workers: Annotated[int, typer.Option(min=0, help="processes that read pictures")] = 2,
    seed: int = 0,
    option: Annotated[list[str] | None, typer.Option(help="of the method, such as beta=0.9; may be repeated")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="keep the training in this file while it goes on, and go on from it")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="train the end-to-end twin, too")] = False,
) -> None:
    """Train a network on your own pictures by any method; needs no checkout and touches no leaderboard."""
    from benchmark.using.command import compared, parsed, trained

    asked = {
        **{"model": backbone, "data": data, "method": method, "modules": modules},
        **{"image": image, "pretrained": pretrained, "frozen": freeze or [], "ema": ema, "device": device},
        **{"workers": workers, "seed": seed, "epochs": epochs, "batch": batch, "optimizer": optimizer, "lr": lr},
        **{"weight_decay": weight_decay, "warmup_epochs": warmup_epochs, "clip_norm": clip_norm},
        **{"label_smoothing": label_smoothing, "mixup": mixup, "cutmix": cutmix, "rand_augment": rand_augment},
        **{"precision": precision, "options": parsed(option or []), "checkpoint": checkpoint},
        "recompute": "units" if recompute else "none",
    }
    if compare and checkpoint:
        raise UserError("--compare trains two networks, and a checkpoint is of one; leave one of the two out.")
    (compared if compare else trained)(console, asked, save)
