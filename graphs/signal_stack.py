"""Signals are taken on a stack that exists, also after OpenVINO has closed a model.

OpenVINO's plugin for processors gives the thread that loads it a stack for signals (those with AMX need a large one)
and unmaps it when the plugin goes. It puts the old stack back only where its own is the one in use and the thread is
the same. Two plugins that do not go in the reverse of the order they came in, or one that goes in another thread,
leave the thread with memory that is no longer there, and the next signal, Ctrl-C for one, ends the process without a
word (seen with openvino 2026.4 on an Intel Xeon).
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_DISABLE = 2
"""`SS_DISABLE`: no stack for signals."""


class Stack(ctypes.Structure):
    """`stack_t` of sigaltstack(2) as Linux lays it out."""

    _fields_ = [("ss_sp", ctypes.c_void_p), ("ss_flags", ctypes.c_int), ("ss_size", ctypes.c_size_t)]


def signal_stack() -> Stack:
    """This thread's stack for signals. Raises `OSError` where the system does not say."""
    stack = Stack()
    _call(None, ctypes.byref(stack))
    return stack


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """This thread leaves with the stack for signals it came with. Put around what loads OpenVINO's plugin."""
    if platform.system() != "Linux":
        yield
        return
    before = signal_stack()
    try:
        yield
    finally:
        try:
            _call(ctypes.byref(before), None)
        except OSError:  # too small, now that AMX is on: a signal is then taken on the thread's own stack
            _call(ctypes.byref(Stack(None, _DISABLE, 0)), None)


def _call(new: object, old: object) -> None:
    if ctypes.CDLL(None, use_errno=True).sigaltstack(new, old):
        raise OSError(ctypes.get_errno(), "sigaltstack was refused")
