"""The Gradio application: one page whose frame is drawn here and filled from `/ui`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

    from assistant.app import Assistant

STATIC = Path(__file__).parent / "static"
TITLE = "Crossroads"

HEAD = (
    '<link rel="stylesheet" href="ui/static/page.css"><link rel="stylesheet" href="ui/static/tabs.css">'
    '<link rel="modulepreload" href="ui/static/app.js">'
)
START = "import(new URL('ui/static/app.js', document.baseURI)).then(page => page.start(element))"


def build(assistant: Assistant) -> gr.Blocks:
    """The blocks: one component holds the frame, its script fills and drives it."""
    _stay_here()
    import gradio as gr

    del assistant  # everything shown comes from the routes, so that a reload always shows what is stored
    blocks: gr.Blocks
    with gr.Blocks(title=TITLE, fill_width=True, fill_height=True, analytics_enabled=False) as blocks:
        gr.HTML(frame(), js_on_load=START, apply_default_css=False, padding=False, elem_id="crossroads")
    return blocks


def mount_page(app: FastAPI, assistant: Assistant) -> FastAPI:
    """Add the page's routes, its headers and the blocks at `/`."""
    _stay_here()
    import gradio as gr
    from starlette.routing import Mount

    from assistant.ui.headers import FreshFiles, OnlyReading, SafeHeaders
    from assistant.ui.routes import ui_router

    app.include_router(ui_router(assistant))
    app.mount("/ui/static", FreshFiles(directory=STATIC))
    app.add_middleware(SafeHeaders)
    blocks = build(assistant)
    limit = f"{assistant.settings.knowledge.max_file_mb}mb"
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        server_name=assistant.settings.serve.host,
        server_port=assistant.settings.serve.port,
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        head=HEAD,
        footer_links=[],
        ssr_mode=False,
        show_error=False,
        max_file_size=limit,
        favicon_path=str(STATIC / "icon.svg"),
        enable_monitoring=False,
    )
    for route in mounted.routes:
        if isinstance(route, Mount) and route.path == "":
            route.app = OnlyReading(route.app)
    return mounted


def frame() -> str:
    """The page's frame as HTML, the same for everybody."""
    from assistant.ui.tabs import links

    hidden = "" if (tabs := links()) else " hidden"
    drawn = (STATIC / "frame.html").read_text(encoding="utf-8")
    return drawn.replace("{{no-tabs}}", hidden).replace("{{tabs}}", tabs)


def _stay_here() -> None:
    """Before gradio is imported, which counts its users otherwise."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
