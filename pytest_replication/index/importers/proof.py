"""Was it this embedder that made the embeddings? Some images are embedded again and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders import Embedder
from pytest_replication.embedders.probe import embed_images
from pytest_replication.errors import IndexMismatch, SourceError
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.read import read_file
from pytest_replication.index.importers.base import Embeddings
from pytest_replication.index.shard import Record


@dataclass(frozen=True, slots=True)
class Proof:
    """What `prove_imported` found.

    Attributes:
        checked: rows that were embedded again.
        lowest: lowest cosine between a stored and a new vector.
    """

    checked: int
    lowest: float


def prove_imported(
    embeddings: Embeddings,
    embedder: Embedder,
    images: Path | None,
    *,
    wanted: int = 64,
    least: int = 32,
    tolerance: float = 0.999,
) -> Proof | None:
    """Embed the images of some rows again and compare the vectors with those that are stored.

    The rows are spread evenly over the whole set. An image is looked for under the uri and the id of
    its record; one that is not there or cannot be decoded is passed over.

    Args:
        embeddings: what is to be imported.
        embedder: the one that is said to have made them.
        images: folder that relative names are relative to; None where all are absolute.
        wanted: rows that are tried.
        least: images that must be readable, or all of a smaller set.
        tolerance: lowest cosine that counts as the same vector.

    Returns:
        None where no folder was given and too few images can be read: the embeddings are unproved.

    Raises:
        IndexMismatch: vectors are of another length or differ.
        SourceError: the embeddings are damaged, or too few images can be read below the folder.
    """
    if embeddings.dim != embedder.spec.dim:
        raise IndexMismatch(
            f"{embeddings.name} holds vectors of {embeddings.dim} numbers, {embedder.spec.name} makes "
            f"{embedder.spec.dim}: name the embedder that made them with --embedder"
        )
    least = min(least, embeddings.rows)
    cosines = [
        (_cosine(stored, embed_images(embedder, [image])[0]), record.id)
        for stored, record, image in _readable(embeddings, images, max(wanted, least))
    ]
    if len(cosines) < max(least, 1):
        if images is None:
            return None
        raise SourceError(_too_few(embeddings, images, len(cosines), least))
    lowest, example = min(cosines)
    wrong = sum(cosine < tolerance for cosine, _ in cosines)
    if wrong:
        raise IndexMismatch(
            f"{embeddings.name}: {wrong} of {len(cosines)} images get another vector from "
            f"{_called(embedder)} (lowest cosine {lowest:.4f}, of {example}; at least {tolerance} is asked "
            f"for): {_likely(wrong, len(cosines))}"
        )
    return Proof(len(cosines), lowest)


def _likely(wrong: int, tried: int) -> str:
    """What may be the matter, the likeliest first."""
    names = "row i of the names is not row i of the vectors, or images changed since"
    embedder = "another embedder or preset made them: name the embedder that did"
    return f"{embedder}; or {names}" if wrong == tried else f"{names}; or {embedder}"


def _readable(
    embeddings: Embeddings, images: Path | None, wanted: int
) -> Iterator[tuple[NDArray[np.float32], Record, Image.Image]]:
    """Rows spread evenly over the set, those whose image can be read."""
    count = min(wanted, embeddings.rows)
    for number in range(count):
        row = number * (embeddings.rows - 1) // max(count - 1, 1)
        block = embeddings.block(row, row + 1)
        image = _image(block.records[0], images)
        if image is not None:
            yield block.vectors[0], block.records[0], image


def _too_few(embeddings: Embeddings, images: Path, found: int, least: int) -> str:
    example = embeddings.block(0, 1).records[0].uri
    return (
        f"{embeddings.name} cannot be proved: {found} of the images that were looked for below {images} can "
        f"be read, and {max(least, 1)} are needed; name the folder that its names ({example}) are relative "
        "to, or name none, and every verdict will say that the embedder is not proved"
    )


def _image(record: Record, images: Path | None) -> Image.Image | None:
    for name in dict.fromkeys((record.uri, record.id)):
        path = Path(name)
        if not path.is_absolute() and images is None:
            continue
        file = path if images is None else images / path
        try:
            return decode(read_file(file))
        except (OSError, UndecodableImage):
            continue
    return None


def _cosine(stored: NDArray[np.float32], new: NDArray[np.float32]) -> float:
    one, other = stored.astype(np.float64), new.astype(np.float64)
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def _called(embedder: Embedder) -> str:
    preset = embedder.spec.preset
    return f"{embedder.spec.name} with preset {preset}" if preset else embedder.spec.name
