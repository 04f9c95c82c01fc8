"""Published weights, fetched once into a cache when the user asks for it. Never by itself."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from pytest_replication.durable import replacing
from pytest_replication.embedders.base import sha256_of
from pytest_replication.embedders.catalogue import ENTRIES
from pytest_replication.embedders.sscd_variants import VARIANTS
from pytest_replication.errors import EmbedderUnavailable

CACHE_VARIABLE = "PYTEST_REPLICATION_CACHE"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Published:
    """Weights at the address where their authors publish them."""

    url: str
    licence: str


PUBLISHED = {
    # State dicts: the TorchScript files at the same address are programs, these are data.
    **{name: Published(variant.url, variant.licence) for name, variant in VARIANTS.items() if variant.url},
    **{entry.name: Published(entry.url, entry.licence) for entry in ENTRIES.values() if entry.url},
}


def cache_folder() -> Path:
    """Folder of the cache: $PYTEST_REPLICATION_CACHE, or a folder in the user's own cache."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "pytest-replication"


def cached(name: str) -> Path:
    """Where the weights of a name lie once they were pulled."""
    return cache_folder() / PUBLISHED[name].url.rpartition("/")[2]


def pull(name: str, *, sha256: str | None = None, progress: bool = True) -> tuple[Path, str]:
    """Download published weights into the cache; does nothing if they are there.

    Args:
        name: a key of `PUBLISHED`.
        sha256: the digest the file must have; None to take what is served. An index pins the
            digest of its weights in any case.
        progress: show a progress bar when standard error is a terminal.

    Returns:
        Path and sha256 of the file.

    Raises:
        EmbedderUnavailable: unknown name, no connection, another digest, or a cache that cannot be
            written; nothing is kept.
    """
    if name not in PUBLISHED:
        raise EmbedderUnavailable(
            f"no published weights are known for {name!r}; known are {', '.join(PUBLISHED)}"
        )
    target = cached(name)
    if not target.is_file():
        _download(PUBLISHED[name].url, target, sha256, progress)
    digest = sha256_of(target)
    if sha256 not in (None, digest):
        raise EmbedderUnavailable(
            f"{target} has sha256 {digest}, expected {sha256}: delete the file and pull again"
        )
    return target, digest


def _download(url: str, target: Path, sha256: str | None, progress: bool) -> None:
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file:
            digest = _fetch(url, file, target, progress)
            if sha256 not in (None, digest):
                raise _unfetched(url, target, f"sha256 is {digest}, expected {sha256}")


def _fetch(url: str, file: BinaryIO, target: Path, progress: bool) -> str:
    """Write what an address serves; returns its sha256."""
    from tqdm import tqdm

    hidden, digest = None if progress else True, hashlib.sha256()
    try:
        # The addresses are our own, all https.
        with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310
            expected, arrived = int(response.headers.get("Content-Length") or 0), 0
            with tqdm(total=expected, unit="B", unit_scale=True, desc=target.name, disable=hidden) as bar:
                while block := response.read(_BLOCK):
                    with _writing(target):
                        file.write(block)
                    digest.update(block)
                    arrived += len(block)
                    bar.update(len(block))
    except (OSError, http.client.HTTPException) as error:
        raise _unfetched(url, target, error) from error
    if expected and arrived != expected:
        raise _unfetched(url, target, f"{arrived} of {expected} bytes arrived")
    return digest.hexdigest()


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[None]:
    """What changes the disk: its errors are not the network's."""
    try:
        yield
    except OSError as error:
        raise EmbedderUnavailable(
            f"{target} cannot be written ({error}): free space there, or name another folder in "
            f"{CACHE_VARIABLE}"
        ) from error


def _unfetched(url: str, target: Path, why: object) -> EmbedderUnavailable:
    return EmbedderUnavailable(
        f"{url} cannot be fetched ({why}): on a machine that reaches {urlsplit(url).hostname}, "
        f"download it and put it at {target}"
    )
