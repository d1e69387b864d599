"""What the machine carries: shards at once, threads for each, bf16."""

import os

from flows.config.schema import BuildConfig


def core_count() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_count(config: BuildConfig) -> int:
    """Shards built at the same time: as configured, otherwise what the cores can carry.

    An accelerator is shared by one worker's large batches better than by many workers.
    """
    if config.workers.count is not None:
        return config.workers.count
    if config.images.device != "cpu":
        return 1
    return max(1, min(core_count() // config.workers.threads, 8))


def pin_threads(count: int) -> None:
    """Fixes torch's threads for the calling thread: float sums depend on how work is split."""
    import torch

    torch.set_num_threads(count)


def bf16_pays(device: str) -> bool:
    """Whether a device computes in bf16 itself; a CPU that only emulates it is ten times slower in it."""
    import torch

    return device != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
