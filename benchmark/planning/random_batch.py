"""Pictures of noise, for steps that are timed or weighed and teach nothing."""

import torch

from benchmark.engine.pictures.data import Batch, Task


def random_batch(task: Task, size: int, device: str = "cpu", views: int = 1) -> Batch:
    """``size`` pictures of noise with labels, channels last as a loader hands them over; the same on every device."""
    draw = torch.Generator().manual_seed(0)
    shape = (size, task.channels, task.image_size, task.image_size)
    raw = torch.randint(256, shape, generator=draw, dtype=torch.uint8)
    y = torch.randint(task.classes, (size,), generator=draw).to(device)
    first, *others = (torch.randn(shape, generator=draw) for _ in range(views))
    parts = [each.to(device, memory_format=torch.channels_last) for each in (raw, first, *others)]
    view = Batch(parts[0], y, task, parts[2]) if others else None
    return Batch(parts[0], y, task, parts[1], view)
