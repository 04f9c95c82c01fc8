"""Published weights, fetched once into a cache when the user asks for it. Never by itself."""

from __future__ import annotations

import contextlib
import os
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

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
        EmbedderUnavailable: unknown name, no connection, or another digest; nothing is kept.
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
    from tqdm import tqdm

    target.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=".partial-")
    try:
        # The addresses are our own, all https.
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310
            expected = int(response.headers.get("Content-Length") or 0)
            hidden = None if progress else True
            with tqdm(total=expected, unit="B", unit_scale=True, desc=target.name, disable=hidden) as bar:
                while block := response.read(_BLOCK):
                    file.write(block)
                    bar.update(len(block))
            arrived = file.tell()
        if expected and arrived != expected:
            raise OSError(f"{arrived} of {expected} bytes arrived")
        digest = sha256_of(Path(partial))
        if sha256 not in (None, digest):
            raise OSError(f"sha256 is {digest}, expected {sha256}")
        os.replace(partial, target)
    except (OSError, urllib.error.URLError) as error:
        raise EmbedderUnavailable(
            f"{url} cannot be fetched ({error}): on a machine that reaches {urlsplit(url).hostname}, "
            f"download it and put it at {target}"
        ) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
