"""Import this before OpenVINO is used with arrays: the binding's first meeting with numpy then happens in one thread.

OpenVINO's Python binding looks numpy up when it first hands out an array, inside a C++ guard and with Python's lock
given up and taken again. Two threads whose first array comes at once then wait for each other for ever, one with the
guard and one with the lock (seen with openvino 2026.4 as a service that never became ready). The module runs once,
under Python's import lock, so every later use finds the lookup done.
"""

from __future__ import annotations

import numpy as np
import openvino

_ = openvino.Tensor(np.zeros(1, dtype=np.float32)).data
