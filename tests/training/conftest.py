"""Tiny models, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.assistant.tiny_models import tiny_folder
from tests.training.tiny import tiny_encoder

Trained = Callable[..., Any]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama over single bytes, with a chat template."""
    return tiny_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT over single bytes."""
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in the same order each time, and no fight over cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
