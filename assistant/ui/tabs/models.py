"""Models: versions trained here, what each measures, which is live, and why another cannot go live."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from assistant.ui.ours import from_our_page, refused
from assistant.ui.tabs.tab import Tab
from graphs.errors import CrossroadsError
from training.registry import ModelVersion, Registry, why_not

if TYPE_CHECKING:
    from assistant.app import Assistant

NAME = "models"
STYLE = f'<link rel="stylesheet" href="ui/static/tabs/{NAME}.css">'
_FIRST = ("f1", "accuracy", "margin", "reward", "mrr", "perplexity", "loss")


class Named(BaseModel):
    """A version; `override` says why it may go live without the gate."""

    name: str
    version: str = ""
    override: str = ""


def fragment(assistant: Assistant, query: Mapping[str, str]) -> str:
    """Every model's versions; with `model` and `version` one version's card."""
    registry = _registry(assistant)
    if query.get("model"):
        return f'{STYLE}<div class="models">{_card(registry, query["model"], query.get("version", ""))}</div>'
    names = registry.names()
    if not names:
        said = "No model has been trained here yet. What a run under Training makes stands here."
        return f'{STYLE}<div class="models"><p class="faint">{said}</p></div>'
    return f'{STYLE}<div class="models">{"".join(_model(registry, name) for name in names)}</div>'


def routes(router: APIRouter, assistant: Assistant) -> None:
    """Promote and roll back."""
    registry = _registry(assistant)

    @router.post("/promote", dependencies=[Depends(from_our_page)])
    def promote(named: Named) -> Any:
        """Make a version live."""
        try:
            return {"version": registry.promote(named.name, named.version, named.override).version}
        except CrossroadsError as error:
            return refused(error)

    @router.post("/rollback", dependencies=[Depends(from_our_page)])
    def rollback(named: Named) -> Any:
        """Bring the version back that was live before."""
        try:
            return {"version": registry.rollback(named.name).version}
        except CrossroadsError as error:
            return refused(error)


def _registry(assistant: Assistant) -> Registry:
    return Registry(assistant.settings.home / "models")


def _model(registry: Registry, name: str) -> str:
    versions = sorted(registry.list(name), key=lambda version: version.created, reverse=True)
    back = any(version.state == "retired" for version in versions) and any(v.state == "live" for v in versions)
    button = (
        f'<button type="button" class="button" data-do="rollback" data-name="{escape(name)}">Roll back</button>'
        if back
        else ""
    )
    head = "<tr><th>Version</th><th>State</th><th>Kind</th><th>Figures</th><th>Gate</th><th></th></tr>"
    rows = "".join(_line(version) for version in versions)
    return (
        f'<section><div class="row"><h2>{escape(name)}</h2>{button}</div>'
        f'<div class="table-wrap"><table>{head}{rows}</table></div></section>'
    )


def _line(version: ModelVersion) -> str:
    name, number = escape(version.name), escape(version.version)
    why = why_not(version)
    if version.state == "live":
        action = '<strong class="live">live</strong>'
    else:
        grey = f' disabled aria-describedby="why-{name}-{number}"' if why else ""
        named = f'data-name="{name}" data-version="{number}"'
        action = f'<button type="button" class="button" data-do="promote" {named}{grey}>Promote</button>'
        if why:
            action += (
                f'<p class="faint" id="why-{name}-{number}">Not yet: {escape(why)}. '
                f'<button type="button" class="quiet" data-do="override" {named}>Promote all the same …</button></p>'
            )
    gate = version.gate.verdict if version.gate else "not asked"
    mark = ' class="chosen"' if version.state == "live" else ""
    return (
        f'<tr{mark}><td><a href="./?tab={NAME}&amp;model={name}&amp;version={number}">{number}</a></td>'
        f"<td>{version.state}</td><td>{escape(version.kind)}</td><td>{_figures(version.metrics)}</td>"
        f"<td>{gate}</td><td>{action}</td></tr>"
    )


def _figures(metrics: Mapping[str, float]) -> str:
    """The figure that counts, with its gain and interval where they were measured."""
    for name in _FIRST:
        if name in metrics:
            text = f"{name} {metrics[name]:.4g}"
            gain = f"{name}_gain"
            if gain in metrics:
                low, high = metrics[f"{gain}_low"], metrics[f"{gain}_high"]
                text += f" ({metrics[gain]:+.3g}, {low:+.3g} to {high:+.3g})"
            elif f"{name}_low" in metrics:
                text += f" ({metrics[f'{name}_low']:.4g} to {metrics[f'{name}_high']:.4g})"
            return escape(text)
    return escape(", ".join(f"{name} {value:.4g}" for name, value in [*metrics.items()][:2]))


def _card(registry: Registry, name: str, number: str) -> str:
    from training.card import card

    version = registry.show(name, number)
    body = card(version).split("---\n", 2)[-1].strip()
    history = "".join(
        f"<li>{escape(step.when)}: version {escape(step.version)} went live, "
        f"{'rolled back to' if step.rollback else 'gate ' + step.verdict}"
        f"{': ' + escape(step.override) if step.override else ''}</li>"
        for step in registry.history(name)
    )
    told = f"<h2>When what went live</h2><ul>{history}</ul>" if history else ""
    return f'<p><a href="./?tab={NAME}">All models</a></p><pre class="card">{escape(body)}</pre>{told}'


TAB = Tab(NAME, "Models", fragment, routes)
