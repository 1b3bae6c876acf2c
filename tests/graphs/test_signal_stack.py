"""A signal is taken after OpenVINO's plugins came and went in any order."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from graphs.signal_stack import Stack, kept_signal_stack, signal_stack

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="the stack for signals is Linux's")

IN_ANY_ORDER = """
import os, signal
import numpy as np, openvino as ov
from openvino import opset13 as op
from graphs.signal_stack import kept_signal_stack, signal_stack

def load():
    x = op.parameter([-1, 4], np.float32)
    return ov.Core().compile_model(ov.Model([op.result(op.relu(x))], [x], "m"), "CPU")

came_with = signal_stack().ss_sp
with kept_signal_stack():
    first = load()
with kept_signal_stack():
    second = load()
del first
del second
signal.signal(signal.SIGUSR1, lambda *_: print("taken"))
os.kill(os.getpid(), signal.SIGUSR1)
print(signal_stack().ss_sp == came_with)
"""


def test_a_thread_leaves_with_the_stack_it_came_with() -> None:
    before = signal_stack()
    room = ctypes.create_string_buffer(1 << 17)
    other = Stack(ctypes.addressof(room), 0, len(room))
    with kept_signal_stack():
        assert ctypes.CDLL(None).sigaltstack(ctypes.byref(other), None) == 0
        assert signal_stack().ss_sp == ctypes.addressof(room)
    after = signal_stack()
    assert (after.ss_sp, after.ss_flags, after.ss_size) == (before.ss_sp, before.ss_flags, before.ss_size)


def test_a_signal_is_taken_after_plugins_went_in_the_order_they_came() -> None:
    pytest.importorskip("openvino")
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", IN_ANY_ORDER], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["taken", "True"]


def test_whatever_loads_a_plugin_keeps_the_stack() -> None:
    """Each file that loads one says so; what loads it without would end a process at its next Ctrl-C."""
    root = Path(__file__).parents[2]
    loads = ("Core().compile_model(", "openvino.Core()", "LLMPipeline(", "nncf.compress_weights(")
    files = [path for name in ("assistant", "training", "eval", "graphs") for path in (root / name).rglob("*.py")]
    loading = [path for path in files if any(text in path.read_text(encoding="utf-8") for text in loads)]
    assert len(loading) >= 5
    assert [str(path) for path in loading if "kept_signal_stack()" not in path.read_text(encoding="utf-8")] == []
