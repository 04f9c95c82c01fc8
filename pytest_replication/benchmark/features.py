"""What an extractor makes of the pictures of a set: embedded once, kept on disk, taken up again.

Pictures are embedded in chunks; each chunk is a file of vectors, and one of tokens where these are
asked for, which becomes visible by one rename. The folder is named by what decides its content: the
extractor's identity, what it makes of the probe images, and the bytes of the pictures.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.benchmark.sets import Picture, sha256s
from pytest_replication.durable import replacing
from pytest_replication.embedders.base import Embedder, threads
from pytest_replication.embedders.probe import drift_between, prove
from pytest_replication.errors import BenchmarkError
from pytest_replication.index.tokens import to_half

VERSION = 2
"""Of what is kept; features of another version are not taken."""
CHUNK = 256
"""Pictures that are lost at most when a run is killed."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features of the pictures of one side of a set, in its order.

    Attributes:
        vectors: (n, dim) float32 unit rows.
        tokens: (m, chunks, length) float16 arrays that follow each other, memory-mapped, those of each
            picture scaled as `to_half` does; None where the extractor has none, or none were asked for.
    """

    vectors: NDArray[np.float32]
    tokens: tuple[NDArray[np.float16], ...] | None = None


def features(
    pictures: Sequence[Picture],
    embedder: Embedder,
    cache: Path,
    *,
    key: str | None = None,
    tokens: bool = False,
    title: str = "",
    progress: bool = True,
) -> Features:
    """Embed pictures, as far as the cache does not hold them.

    Args:
        pictures: in the order that the features shall have.
        embedder: the extractor.
        cache: folder for features of all sets and extractors.
        key: `key_of` these pictures and this extractor, where it is known already.
        tokens: also keep the tokens, if the extractor has any.
        title: of the progress bar.
        progress: show it when standard error is a terminal.

    Raises:
        BenchmarkError: a picture cannot be read, or the cache cannot be written.
        EmbedderError: the extractor misbehaves.
    """
    from tqdm import tqdm

    wanted = tokens and embedder.token_shape is not None
    folder = cache / (key or key_of(identity_of(embedder, cache), digest_of(pictures)))
    vectors, chunks = [], []
    with tqdm(total=len(pictures), desc=title, unit="image", disable=None if progress else True) as bar:
        for number, start in enumerate(range(0, len(pictures), CHUNK)):
            part = pictures[start : start + CHUNK]
            files = [folder / f"vectors-{number:05d}.npy", folder / f"tokens-{number:05d}.npy"][: 1 + wanted]
            if not all(file.is_file() for file in files):
                _embed(part, embedder, files)
            vectors.append(load_array(files[0], (len(part), embedder.spec.dim)))
            if wanted:
                chunks.append(load_array(files[1], (len(part), *(embedder.token_shape or ()))))
            bar.update(len(part))
    return Features(np.concatenate(vectors).astype(np.float32, copy=False), tuple(chunks) if wanted else None)


def _embed(part: Sequence[Picture], embedder: Embedder, files: Sequence[Path]) -> None:
    vectors, tokens = [], []
    with ThreadPoolExecutor(threads(), "prepare") as pool:
        for batch in _batches(part, embedder.batch_size):
            prepared = list(pool.map(lambda picture: embedder.prepare(picture.load()), batch))
            if len(files) > 1:
                rows, parts = embedder.embed_with_tokens(prepared)
                vectors.append(rows)
                tokens.append(to_half(parts))
            else:
                vectors.append(embedder.embed(prepared))
    save_array(files[0], np.concatenate(vectors))
    if len(files) > 1:
        save_array(files[1], np.concatenate(tokens))


def _batches(pictures: Sequence[Picture], size: int) -> Iterator[tuple[Picture, ...]]:
    left = iter(pictures)
    while batch := tuple(itertools.islice(left, size)):
        yield batch


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array, by one rename.

    Raises:
        BenchmarkError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.save(file, array)
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be written ({error}): free some space, or give --out") from error


def load_array(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    """Map an array that `save_array` wrote.

    Raises:
        BenchmarkError: it is damaged, or of another shape.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BenchmarkError(f"{path} is damaged ({error}): delete it, it is made again") from error
    if array.shape != shape:
        raise BenchmarkError(f"{path} has shape {array.shape}, expected {shape}: delete it, it is made again")
    return array


def identity_of(embedder: Embedder, cache: Path) -> str:
    """Name an extractor by its identity, and by what it makes of the probe images.

    Probe vectors that were met first are kept. An extractor with the same identity is taken for the same
    as long as it gives them again within its drift; a library or a function that has changed does not.

    Args:
        embedder: the extractor.
        cache: folder for features of all sets and extractors.

    Raises:
        BenchmarkError: the cache cannot be read or written.
        EmbedderError: the extractor is not fit to be measured: it is random, mixes the images of a batch, or
            gives all of them one vector.
    """
    spec = asdict(embedder.spec)
    for where in ("location", "preset"):  # not part of the identity
        spec.pop(where)
    digest = hashlib.sha256(json.dumps([VERSION, spec, embedder.token_shape], sort_keys=True).encode())
    found = prove(embedder)
    for number in itertools.count():
        file = cache / "probes" / f"{digest.hexdigest()[:24]}-{number}.npy"
        if not file.is_file():
            save_array(file, found)
        first = load_array(file, found.shape)
        if drift_between(first, found) <= embedder.drift:
            break
    digest.update(np.ascontiguousarray(first, "<f4").tobytes())
    name = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in embedder.spec.name)
    return f"{name[:60]}-{digest.hexdigest()[:24]}"


def digest_of(pictures: Sequence[Picture], contents: Sequence[str] | None = None) -> str:
    """Digest of pictures: ids, boxes, and the bytes of each.

    Args:
        pictures: in their order.
        contents: the sha256 of the file of each, where they are known already.

    Raises:
        BenchmarkError: one cannot be read.
    """
    digest = hashlib.sha256()
    for picture, content in zip(pictures, contents or sha256s(pictures), strict=True):
        digest.update(json.dumps([picture.id, picture.box, content]).encode())
    return digest.hexdigest()


def key_of(identity: str, digest: str) -> str:
    """Name what decides the features of pictures: the extractor, and the pictures."""
    return f"{identity}-{digest[:24]}"
