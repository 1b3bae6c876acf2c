"""The chat page: a Gradio application on the API's port, drawn by the server, driven by a little plain JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

    from assistant.app import Assistant

__all__ = ["build_ui", "mount"]


def build_ui(assistant: Assistant) -> gr.Blocks:
    """The page as Gradio blocks. It needs the routes that `mount` adds."""
    from assistant.ui.page import build

    return build(assistant)


def mount(app: FastAPI, assistant: Assistant) -> FastAPI:
    """Serve the page at `/` of `app`; routes the application has already keep their addresses."""
    from assistant.ui.page import mount_page

    return mount_page(app, assistant)
