"""What cannot fit is refused before it starts, with the nearest setting that does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from graphs.errors import ModelError
from training import probe
from training.probe import Estimate, MemoryWatch, refuse, refuse_new, refuse_weights, weight_count

GIB = 2**30


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A model of a million weights."""
    save_file({"a": torch.zeros(1000, 900), "b": torch.zeros(100_000)}, str(tmp_path / "model.safetensors"))
    return tmp_path


def refused(free: float, monkeypatch: pytest.MonkeyPatch, base: Path, **how: bool | int) -> str:
    """The cure, where so many bytes a weight are free; empty where it fits."""
    monkeypatch.setattr(probe, "free_memory", lambda: int(free * 1_000_000))
    try:
        refuse_weights(base, **how)  # type: ignore[arg-type]
    except ModelError as error:
        return error.cure
    return ""


def test_weights_are_counted_from_their_headers(base: Path) -> None:
    assert weight_count(base) == 1_000_000


@pytest.mark.parametrize(
    ("free", "how", "cure"),
    [
        (18, {"whole": True}, ""),
        (17, {"whole": True}, "adapter=lora fits"),
        (4.5, {"whole": False}, ""),
        (4, {"whole": False}, "precision=bf16 fits"),
        (2, {"whole": False}, "smaller model"),
        (17, {"whole": True, "adapters": False}, "the stage sft with adapter=lora"),
    ],
)
def test_weights_that_cannot_fit_are_refused_with_what_does(
    free: float, how: dict[str, bool], cure: str, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refused(free, monkeypatch, base, **how)
    assert cure in said
    assert bool(cure) == bool(said)


def test_a_model_too_large_to_build_is_refused_with_the_width_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "free_memory", lambda: 4 * GIB)
    refuse_new(200_000_000)
    with pytest.raises(ModelError, match=r"900 million weights need 13\.4 GiB") as error:
        refuse_new(900_000_000)
    assert "hidden at 52%" in error.value.cure


def an_estimate(memory: float, disk: float = 1) -> Estimate:
    return Estimate(10, 90.0, int(memory * GIB), 4 * GIB, int(disk * GIB), 20 * GIB)


def test_a_batch_that_cannot_fit_is_refused_with_the_nearest_that_does() -> None:
    refuse(an_estimate(3.5), 8, 1)
    with pytest.raises(ModelError, match=r"needs 8\.0 GiB of memory; 4\.0 are free") as error:
        refuse(an_estimate(8), 8, 1)
    assert "--set batch=2 --set accumulation=4" in error.value.cure
    with pytest.raises(ModelError) as error:
        refuse(an_estimate(8), 4, 2, key="accumulate")
    assert "--set batch=1 --set accumulate=8" in error.value.cure
    with pytest.raises(ModelError) as error:
        refuse(an_estimate(8), 1, 1)
    assert "max_length lower" in error.value.cure
    with pytest.raises(ModelError, match=r"30\.0 GiB of disk; 20\.0 are free"):
        refuse(an_estimate(1, disk=30), 8, 1)


def test_an_estimate_says_time_memory_and_disk() -> None:
    words = an_estimate(2.5).words
    assert words == "about 2 minutes for 10 steps, 2.5 GiB of memory (4.0 free), 1.00 GiB of disk (20 free)"


def test_the_most_memory_taken_is_seen() -> None:
    with MemoryWatch() as watch:
        held = torch.ones(40_000_000)
        watch._ends.wait(0.1)
    assert watch.peak - watch.before > 0.9 * held.nbytes
