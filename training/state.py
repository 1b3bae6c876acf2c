"""The state of an optimizer, its schedule and the random numbers, as safetensors and JSON: nothing is pickled."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

_TENSORS, _NUMBERS = "state.safetensors", "state.json"


def save_state(folder: Path, optimizer: Any, scheduler: Any = None) -> None:
    """Write what continuing needs beside the weights. Raises `OSError` where the disk refuses."""
    import numpy as np
    import torch
    from safetensors.torch import save_file

    state = optimizer.state_dict()
    tensors: dict[str, Any] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for index, values in state["state"].items():
        for name, value in values.items():
            if torch.is_tensor(value):
                tensors[f"{index}/{name}"] = value.contiguous()
            else:
                numbers.setdefault(str(index), {})[name] = value
    tensors["random/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    about = {
        "numbers": numbers,
        "groups": state["param_groups"],
        "schedule": _plain(scheduler.state_dict()) if scheduler is not None else {},
        "python": random.getstate(),
        "numpy": [kind, [int(key) for key in keys], int(position), int(has_gauss), float(gauss)],
    }
    save_file(tensors, str(folder / _TENSORS))
    (folder / _NUMBERS).write_text(json.dumps(about), encoding="utf-8")


def load_state(folder: Path, optimizer: Any, scheduler: Any = None) -> None:
    """Put optimizer and schedule back as `save_state` found them."""
    from safetensors.torch import load_file

    about = json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))
    state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in about["numbers"].items()}
    for name, value in load_file(str(folder / _TENSORS)).items():
        index, _, key = name.partition("/")
        if index != "random":
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": about["groups"]})
    if scheduler is not None and about["schedule"]:
        scheduler.load_state_dict(about["schedule"])


def load_random(folder: Path) -> None:
    """Put the random numbers of Python, NumPy and torch back as `save_state` found them."""
    import numpy as np
    import torch
    from safetensors.torch import load_file

    about = json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))
    version, inner, gauss = about["python"]
    random.setstate((version, tuple(inner), gauss))
    kind, keys, position, has_gauss, cached = about["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    tensors = load_file(str(folder / _TENSORS))
    torch.set_rng_state(tensors["random/cpu"])
    if torch.cuda.is_available() and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"])


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """A schedule's numbers; functions in it are made anew by whoever builds the schedule."""
    return {key: value for key, value in values.items() if _is_json(value)}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


def weight_groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """A model's trained weights for AdamW, decaying matrices only."""
    trained = [value for value in model.parameters() if value.requires_grad]
    return [
        {"params": [value for value in trained if value.dim() > 1], "weight_decay": decay},
        {"params": [value for value in trained if value.dim() <= 1], "weight_decay": 0.0},
    ]
