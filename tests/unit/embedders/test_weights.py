from __future__ import annotations

import http.server
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from pytest_replication.embedders import weights
from pytest_replication.embedders.weights import Published, cached, pull
from pytest_replication.errors import EmbedderUnavailable

CONTENT = b"weights" * 1000
SHORT = "/short.pt"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/gone.pt":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) * (1 + (self.path == SHORT))))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(weights.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def publish(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setitem(weights.PUBLISHED, "sscd", Published(url, "MIT"))


def test_weights_are_fetched_once(cache: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, f"{server}/w.pt")
    path, digest = pull("sscd")
    assert path == cache / "w.pt" == cached("sscd")
    assert path.read_bytes() == CONTENT
    publish(monkeypatch, "http://127.0.0.1:9/w.pt")  # would fail if it were fetched again
    assert pull("sscd") == (path, digest)
    assert pull("sscd", sha256=digest) == (path, digest)


@pytest.mark.parametrize(
    ("file", "sha256"), [("w.pt", "00" * 32), ("gone.pt", None), (SHORT.strip("/"), None)]
)
def test_a_bad_answer_leaves_nothing_behind(
    cache: Path, server: str, monkeypatch: pytest.MonkeyPatch, file: str, sha256: str | None
) -> None:
    publish(monkeypatch, f"{server}/{file}")
    with pytest.raises(EmbedderUnavailable, match="cannot be fetched"):
        pull("sscd", sha256=sha256)
    assert list(cache.iterdir()) == []


def test_offline_says_where_to_put_the_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "http://127.0.0.1:9/w.pt")
    with pytest.raises(EmbedderUnavailable, match=f"put it at {cache / 'w.pt'}"):
        pull("sscd")


def test_a_cached_file_with_another_digest_is_refused(
    cache: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, f"{server}/w.pt")
    pull("sscd")
    with pytest.raises(EmbedderUnavailable, match="delete the file"):
        pull("sscd", sha256="00" * 32)


def test_unknown_weights_are_refused() -> None:
    with pytest.raises(EmbedderUnavailable, match="known are sscd"):
        pull("dino")


def test_the_cache_has_a_place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(weights.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert weights.cache_folder() == Path("/x/pytest-replication")


def test_a_cache_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(weights.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    publish(monkeypatch, f"{server}/w.pt")
    with pytest.raises(EmbedderUnavailable, match=f"cannot be written .* folder in {weights.CACHE_VARIABLE}"):
        pull("sscd")


@pytest.mark.parametrize("what", ["write", "fsync", "replace"])
def test_a_full_disk_is_not_taken_for_the_network(
    cache: Path, server: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    class Full(io.BufferedWriter):
        write = full

    publish(monkeypatch, f"{server}/w.pt")
    if what == "write":
        monkeypatch.setattr(Path, "open", lambda path, mode: Full(io.FileIO(path, mode)))
    else:
        monkeypatch.setattr(os, what, full)
    with pytest.raises(EmbedderUnavailable, match=r"w.pt cannot be written \(.*No space left") as caught:
        pull("sscd")
    assert "fetched" not in str(caught.value)
    assert list(cache.iterdir()) == []
