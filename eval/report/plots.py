"""Figures with their intervals as tables and inline SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from eval.record import MetricValue

WIDTH, HEIGHT, PAD = 260, 26, 8


def metric_table(metrics: Mapping[str, MetricValue], before: Mapping[str, MetricValue] | None = None) -> str:
    """A row for each metric: the figure, its interval, a plot, and the other run's figure as a hollow point."""
    rows = "".join(_row(name, value, before) for name, value in metrics.items())
    other = '<th class="number">before</th>' if before else ""
    head = f'<tr><th>metric</th><th class="number">value</th><th class="number">95 %</th>{other}'
    tail = '<th>interval</th><th class="number">sees</th><th class="number">n</th></tr>'
    told = '<p class="quiet">“sees” is the smallest change for the worse that so many samples would show.</p>'
    return f'<div class="wide"><table>{head}{tail}{rows}</table></div>{told}'


def _row(name: str, value: MetricValue, others: Mapping[str, MetricValue] | None) -> str:
    before = (others or {}).get(name)
    between = "" if value.low is None or value.high is None else f"{figure(value.low)} to {figure(value.high)}"
    other = f'<td class="number">{figure(before.value if before else None)}</td>' if others else ""
    arrow = {"higher": "", "lower": " (lower is better)", "neither": " (no direction)"}[value.better]
    note = escape(value.method, quote=True)
    return (
        f'<tr title="{note}"><td>{escape(name)}<span class="quiet">{arrow}</span></td>'
        f'<td class="number">{figure(value.value)}</td><td class="number">{between}</td>{other}'
        f'<td>{interval_plot(name, value, before)}</td><td class="number">{figure(value.visible)}</td>'
        f'<td class="number">{value.n}</td></tr>'
    )


def figure(value: float | None) -> str:
    """A number as people read it."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def interval_plot(name: str, value: MetricValue, before: MetricValue | None = None) -> str:
    """The interval on a line from 0 to 1, or to what the largest number needs; empty without a value."""
    if value.value is None:
        return ""
    low = value.value if value.low is None else value.low
    high = value.value if value.high is None else value.high
    numbers = [low, high, value.value] + ([before.value] if before and before.value is not None else [])
    least, most = min(0.0, *numbers), max(1.0, *numbers)

    def at(number: float) -> float:
        return round(PAD + (number - least) / (most - least) * (WIDTH - 2 * PAD), 1)

    middle = HEIGHT / 2
    said = escape(f"{name}: {figure(value.value)}, interval {figure(low)} to {figure(high)}", quote=True)
    hollow = ""
    if before and before.value is not None:
        hollow = f'<circle class="before" cx="{at(before.value)}" cy="{middle}" r="5"/>'
    return (
        f'<svg role="img" aria-label="{said}" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<line class="axis" x1="{PAD}" x2="{WIDTH - PAD}" y1="{middle}" y2="{middle}"/>'
        f'<line class="range" x1="{at(low)}" x2="{at(high)}" y1="{middle}" y2="{middle}"/>'
        f'<circle class="point" cx="{at(value.value)}" cy="{middle}" r="5"/>{hollow}</svg>'
    )
