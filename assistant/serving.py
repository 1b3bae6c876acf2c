"""`serve`: one process a home with page and API on one port, up at once, ready when the models are."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from assistant.config import Settings
from assistant.service import announce, only_service, withdraw
from graphs.errors import BusyError, SettingsError, UsageError

if TYPE_CHECKING:
    import uvicorn

Say = Callable[[str], None]
_GRACE_SECONDS = 5


def serve(settings: Settings, say: Say, on_ready: Callable[[str], None], *, page: bool = True) -> None:
    """Serve until a signal ends it. `say` is told what is being loaded, `on_ready` the address when all is there.

    Raises `BusyError` where the home is served already or the port is taken, `SettingsError` for an open door.
    """
    _check_exposure(settings)
    with only_service(settings.home), _listening(settings) as listener:
        from assistant.app import open_assistant

        with open_assistant(settings, progress=say, warm=True) as assistant:
            url = _url(settings, listener)
            service = announce(settings.home, url)
            try:
                say(f"opening {url} (models are still loading)")
                from assistant.http.application import build_application

                application = build_application(assistant, service.token, page=page)
                warnings.simplefilter("ignore", ResourceWarning)  # gradio turns them on, and drops an event loop
                threading.Thread(target=_when_ready, args=(assistant, url, say, on_ready), daemon=True).start()
                _run(application, listener, assistant.stop)
            finally:
                withdraw(settings.home)


def _when_ready(assistant: Any, url: str, say: Say, on_ready: Callable[[str], None]) -> None:
    assistant.warmed.wait()
    for name, reason in assistant.waiting().items():
        say(f"not ready: {name}: {reason}")
    on_ready(url)


def _check_exposure(settings: Settings) -> None:
    from assistant.http.guard import is_loopback

    if not is_loopback(settings.serve.host) and not settings.serve.api_key:
        raise SettingsError(
            f"Other machines could reach {settings.serve.host!r}, and no key is set.",
            "Set serve.api_key (or CROSSROADS_SERVE__API_KEY), or serve on 127.0.0.1.",
        )


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """A listening socket, so that a browser that comes early waits instead of being refused."""
    host, port = settings.serve.host, settings.serve.port
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        try:
            listener.bind((host.strip("[]"), port))
            listener.listen(128)
        except OSError as error:
            raise _no_address(host, port, error) from None
        yield listener
    finally:
        listener.close()


def _no_address(host: str, port: int, error: OSError) -> BusyError | UsageError:
    if error.errno == errno.EADDRINUSE:
        return BusyError(
            f"The port {port} of {host} is taken by another program.", "Choose another with --port, 0 for any."
        )
    return UsageError(
        f"{host}:{port} cannot be listened on: {error.strerror or error}.", "Choose --host and --port anew."
    )


def _url(settings: Settings, listener: socket.socket) -> str:
    host = settings.serve.host
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{host}:{listener.getsockname()[1]}"


def _run(application: Any, listener: socket.socket, stop: Callable[[], None]) -> None:
    """Run the server on this thread until SIGINT or SIGTERM; a second signal ends it at once."""
    import uvicorn

    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # its own raises them again
    with _signals(server, stop):
        server.run(sockets=[listener])


@contextlib.contextmanager
def _signals(server: uvicorn.Server, stop: Callable[[], None]) -> Iterator[None]:
    def end(_: int, __: object) -> None:
        server.force_exit = server.should_exit
        server.should_exit = True
        stop()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
