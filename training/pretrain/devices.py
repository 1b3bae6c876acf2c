"""Where a run computes."""

from __future__ import annotations


def on_processor() -> bool:
    """Whether there is no accelerator; accelerate joins processes on a processor (gloo) only when it is told."""
    import torch

    return not torch.accelerator.is_available()
