"""`serve`: one process a home with page and API on one port, up at once, ready when the models are."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import sys
import threading
import time
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
_IDLE_SECONDS = (
    75  # longer than clients and proxies keep an idle connection, so that none is closed as it is used again
)


_SWITCH_SECONDS = 0.001
"""How long a thread keeps Python's lock from one that waits for it: a turn is handed over between threads some forty
times, and with Python's own 5 ms each of them may wait that long beside other turns."""


def serve(settings: Settings, say: Say, on_ready: Callable[[str], None], *, page: bool = True) -> None:
    """Serve until a signal ends it. `say` is told what is being loaded, `on_ready` the address when all is there.

    Raises `BusyError` where the home is served already or the port is taken, `SettingsError` for an open door.
    """
    _check_exposure(settings)
    sys.setswitchinterval(_SWITCH_SECONDS)
    with _Ending() as ending, only_service(settings.home), _listening(settings) as listener:
        from assistant.app import open_assistant
        from assistant.watching.log import Log

        with Log(settings) as log, open_assistant(settings, progress=say, warm=True) as assistant:
            assistant.ended.append(log.turn_ended)
            url = _url(settings, listener)
            service = announce(settings.home, url)
            try:
                say(f"opening {url} (models are still loading)")
                from assistant.http.application import build_application

                server = _server(build_application(assistant, service.token, page=page, log=log))
                ending.then(server, assistant.stop)
                threading.Thread(target=_when_ready, args=(assistant, server, url, say, on_ready), daemon=True).start()
                server.run(sockets=[listener])
            finally:
                withdraw(settings.home)


def _when_ready(assistant: Any, server: uvicorn.Server, url: str, say: Say, on_ready: Callable[[str], None]) -> None:
    assistant.warmed.wait()
    while not (server.started or server.should_exit):
        time.sleep(0.02)
    for name, reason in assistant.waiting().items():
        say(f"not ready: {name}: {reason}")
    if not server.should_exit:
        on_ready(url)


def _check_exposure(settings: Settings) -> None:
    from assistant.http.guard import is_loopback

    if not (is_loopback(settings.serve.host) or settings.serve.api_key or _has_accounts(settings)):
        raise SettingsError(
            f"Other machines could reach {settings.serve.host!r}, and there are no accounts.",
            "Add an owner first: crossroads people add NAME --role owner. Or set serve.api_key, or serve on 127.0.0.1.",
        )


def _has_accounts(settings: Settings) -> bool:
    from assistant.database import open_database
    from assistant.people.accounts import People

    engine = open_database(settings)
    try:
        return People(engine, settings).on()
    finally:
        engine.dispose()


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


def _server(application: Any) -> uvicorn.Server:
    import uvicorn

    warnings.simplefilter("ignore", ResourceWarning)  # gradio turns them on, and drops an event loop
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=_IDLE_SECONDS,
        server_header=False,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # signals are ours
    return server


class _Ending:
    """What SIGINT and SIGTERM do: stop the answers under way, then the server; a second one does not wait for them."""

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None
        self._stop: Callable[[], None] = lambda: None
        self._before: dict[int, Any] = {}

    def then(self, server: uvicorn.Server, stop: Callable[[], None]) -> None:
        """From now on a signal ends this server; before, it interrupts the start."""
        self._server, self._stop = server, stop

    def __enter__(self) -> _Ending:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _end(self, *_: object) -> None:
        if self._server is None:
            raise KeyboardInterrupt
        self._server.force_exit = self._server.should_exit
        self._server.should_exit = True
        self._stop()
