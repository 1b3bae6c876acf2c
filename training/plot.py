"""A run's losses as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def curves(events: Sequence[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """The loss of each step (`learnt`) and of each evaluation (`held back`), in the order of steps."""
    names = {"step": "learnt", "evaluation": "held back"}
    found: dict[str, dict[int, float]] = {"learnt": {}, "held back": {}}
    for event in events:
        if event["event"] in names and isinstance(event.get("loss"), int | float):
            found[names[event["event"]]][int(event["step"])] = float(event["loss"])
    return {name: sorted(points.items()) for name, points in found.items() if points}


def save_plot(events: Sequence[dict[str, Any]], path: Path, title: str) -> bool:
    """Write the losses as PNG; False where there is nothing to draw yet."""
    drawn = curves(events)
    if not drawn:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    styles: dict[str, dict[str, Any]] = {"learnt": {"linewidth": 1}, "held back": {"marker": "o", "linewidth": 2}}
    for name, points in drawn.items():
        axes.plot([step for step, _ in points], [loss for _, loss in points], label=name, **styles[name])
    axes.set(xlabel="step", ylabel="loss", title=title)
    axes.legend()
    axes.grid(alpha=0.3)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(str(path))
    return True
