"""How a suite trains, in a sentence beside its numbers: a reader who doubts a figure looks here first."""

import json
from collections.abc import Mapping
from typing import Any

OPTIMISERS = {  # as timm calls them
    "sgd": "SGD with Nesterov’s momentum",
    "momentum": "SGD with momentum",
    "adam": "Adam",
    "adamw": "AdamW",
}
NAMED = {
    "rand_augment": "RandAugment",
    "mixup": "mixup",
    "cutmix": "CutMix",
    "label_smoothing": "label smoothing",
}
NEEDED = {"dataset", "recipe", "seeds", "tune", "validation"}
SCHEDULES = {"cosine": "a cosine schedule", "constant": "a constant rate", "steps": "a rate that falls in steps"}


def recipe_line(said: Mapping[str, Any]) -> str:
    """Pictures, budget, optimiser, augmentation, and what was tuned for whom on what split.

    Args:
        said: of the suite, from ``results/suites.json``.
    """
    if not set(said) >= NEEDED:
        return ""  # another version wrote it
    parts = [_pictures(said), _budget(said), *([] if _is_tuned(said) else [_optimiser(said["recipe"])])]
    return " ".join(f"{part}." for part in [*parts, _augmentation(said), _tuning(said)] if part)


def in_words(values: Mapping[str, Any]) -> str:
    """Options, or settings of a recipe: ``tau 2.5, head "1c2f"``."""
    return ", ".join(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())


def _is_tuned(said: Mapping[str, Any]) -> bool:
    return "tuned" in said["seeds"]


def _pictures(said: Mapping[str, Any]) -> str:
    counts, title = said.get("pictures"), said.get("data", {}).get("title") or said["dataset"]
    if not counts:
        return f"{title}, with {100 * said['validation']:.3g} % of the training pictures held out for validation"
    numbers = [f"{counts[part]:,} {part}" for part in ("training", "validation", "test")]
    return f"{title}: {numbers[0]}, {numbers[1]} and {numbers[2]} pictures"


def _budget(said: Mapping[str, Any]) -> str:
    recipe = said["recipe"]
    epochs, precision = _count(recipe["epochs"], "epoch"), recipe.get("precision", "fp32")
    parts = f", made in {recipe['parts']} parts" if recipe.get("parts", 1) > 1 else ""
    return f"Each module is trained for {epochs} in batches of {recipe['batch']}{parts}, in {precision}"


def _optimiser(recipe: Mapping[str, Any]) -> str:
    optimiser = OPTIMISERS.get(recipe["optimizer"], recipe["optimizer"])
    schedule = SCHEDULES[recipe.get("schedule", "cosine")]
    warmup = f" after a warm-up of {_count(recipe['warmup_epochs'], 'epoch')}" if recipe["warmup_epochs"] else ""
    return f"{optimiser}, learning rate {recipe['lr']:g}, weight decay {recipe['weight_decay']:g}, {schedule}{warmup}"


def _count(number: float, of: str) -> str:
    return f"{number:g} {of}{'' if number == 1 else 's'}"


def _augmentation(said: Mapping[str, Any]) -> str:
    data = said.get("data", {})
    augment = data if data.get("streams") else said.get("augment") or data
    if "flip" not in augment:
        return ""
    more = [f"{NAMED[name]} {value:g}" for name, value in said["recipe"].items() if name in NAMED]
    crop = _crop(augment)
    mirror = "random mirroring" if augment["flip"] else ""
    done = " and ".join(text for text in (crop, mirror, *more) if text)
    return f"Augmentation: {done or 'none'}"


def _crop(augment: Mapping[str, Any]) -> str:
    if augment.get("streams"):
        return "random crops of 8 to 100 % of a picture’s area"
    return f"random crops after padding by {_count(augment['pad'], 'pixel')}" if augment["pad"] else ""


def _tuning(said: Mapping[str, Any]) -> str:
    if _is_tuned(said):
        tune = said["tune"]
        shared = f"; the first try of all is the shared recipe: {_optimiser(said['recipe'])}"
        return (
            f"Optimiser, learning rate, weight decay and up to two options of its own were chosen for every method, "
            f"end-to-end backpropagation included, from {tune['configurations']} tries each at the largest K, on the "
            f"validation pictures{shared}"
        )
    return "Nothing was tuned: " + ("the recipe is a paper’s" if "paper" in said["seeds"] else "one recipe for all")
