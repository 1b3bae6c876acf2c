"""The binding of OpenVINO meets numpy in one thread, before several do at once and wait for each other for ever."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from assistant.knowledge.encoder_engines import compiled_graph

pytest.importorskip("openvino")
READY = "assistant.engines.openvino_ready"


class Core:
    """Compiles nothing, and notes whether the binding was ready by then."""

    def compile_model(self, *_: Any) -> Any:
        self.ready = READY in sys.modules
        raise RuntimeError("far enough")


def test_the_binding_is_ready_before_a_graph_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, READY, raising=False)
    core = Core()
    with pytest.raises(RuntimeError, match="far enough"):
        compiled_graph(core, lambda: None, {}, tmp_path / "none.blob")
    assert core.ready
