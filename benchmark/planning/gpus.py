"""Hours on a GPU that has a name, from FLOPs: an assumption, stated as an interval, and never a measurement.

A data sheet says how many FLOPs a second a GPU could do at most, dense, by the kind of its arithmetic; a training does
a share of them. How large it is hangs on the network (a CIFAR ResNet of 16 channels keeps no large GPU busy), the batch
and the loader. The interval is wide on purpose, and what a method does beside convolutions and matrix products is not
in the FLOPs.
"""

from dataclasses import dataclass

from rich.console import Console

from benchmark.errors import UserError
from benchmark.schema.recipe import Precision, Recipe

# TFLOP/s at most, dense, of NVIDIA's data sheets: fp32 outside tensor cores, tf32 and bf16 (summed in fp32) in them
PEAKS: dict[str, dict[Precision, float]] = {
    "t4": {"fp32": 8.1},
    "v100": {"fp32": 15.7},  # SXM2
    "a100": {"fp32": 19.5, "tf32": 156.0, "bf16": 312.0},
    "l4": {"fp32": 30.3, "tf32": 60.0, "bf16": 121.0},
    "rtx4090": {"fp32": 82.6, "tf32": 82.6, "bf16": 165.2},
    "h100": {"fp32": 67.0, "tf32": 494.0, "bf16": 989.0},  # SXM
    "h200": {"fp32": 67.0, "tf32": 494.0, "bf16": 989.0},  # SXM
}
SHARES: dict[Precision, tuple[float, float]] = {"fp32": (0.1, 0.6), "tf32": (0.05, 0.3), "bf16": (0.05, 0.3)}


@dataclass(frozen=True)
class On:
    """A GPU by its name, none if nobody asked, and how many pictures a training shows."""

    gpu: str | None = None
    pictures: int = 1_000_000

    def check(self, precision: Precision) -> None:
        """Make sure that something is known of it.

        Raises:
            UserError: nothing is, or it does not compute so.
        """
        if self.gpu and self.gpu not in PEAKS:
            raise UserError(f"--gpu {self.gpu!r} is not known; there are {', '.join(PEAKS)}.")
        if self.gpu and precision not in PEAKS[self.gpu]:
            raise UserError(f"A {self.gpu} has no {precision}; it has {', '.join(PEAKS[self.gpu])}.")

    def hours(self, step_flops: float, recipe: Recipe) -> tuple[float, float]:
        """Fewest and most hours that the GPU is assumed to take."""
        assert self.gpu
        peak, (least, most) = 1e12 * PEAKS[self.gpu][recipe.precision], SHARES[recipe.precision]
        flops = step_flops * self.pictures / recipe.batch
        return flops / (most * peak) / 3600, flops / (least * peak) / 3600

    def said(self, step_flops: float | None, recipe: Recipe) -> str:
        """``0.8–4.9``; nothing where no GPU is named."""
        if self.gpu is None or step_flops is None:
            return ""
        return "–".join(f"{hours:.2g}" for hours in self.hours(step_flops, recipe))

    def explain(self, precision: Precision, console: Console) -> None:
        """Say below a table what is assumed."""
        if self.gpu:
            peak, (least, most) = PEAKS[self.gpu][precision], SHARES[precision]
            console.print(
                f"hours: of one {self.gpu}, for {self.pictures:,} pictures in {precision}; assumed, not measured: "
                f"{least:.0%} to {most:.0%} of the {peak:g} TFLOP/s that its data sheet names, in convolutions and "
                "matrix products alone.",
                style="dim",
                highlight=False,
            )
