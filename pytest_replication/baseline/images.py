"""Training images that one release replicates and the other does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_replication.baseline.measured import Measured
from pytest_replication.results.image_names import lasting_name


@dataclass(frozen=True, slots=True)
class Image:
    """A training image that samples replicate.

    Attributes:
        uri: where it is, as the index names it.
        id: of its record.
        sha256: of its file, None where the index does not know it.
        samples: how many samples are nearest to it and replicated.
        sample: the worst of them.
        score: of that.
        other: highest score of the other release near it, where that is among its closest pairs; else None.
    """

    uri: str
    id: str
    sha256: str | None
    samples: int
    sample: str
    score: float
    other: float | None = None


def only_in(one: Measured, other: Measured) -> tuple[Image, ...]:
    """Training images that samples of the one replicated and no sample of the other did, worst first.

    An image is known by the sha256 of its file, else by its place and its name in its source; near
    duplicates of one are others.
    """
    known = {_key(pair) for pair in other.pairs}
    near: dict[str, float] = {}
    for pair in other.near:
        near[_key(pair)] = max(float(pair["score"]), near.get(_key(pair), -1.0))
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for pair in one.pairs:
        if _key(pair) not in known:
            groups.setdefault(_key(pair), []).append(pair)
    found = [_image(pairs, near.get(key)) for key, pairs in groups.items()]
    return tuple(sorted(found, key=lambda image: (-image.score, -image.samples, image.uri)))


def _image(pairs: Sequence[Mapping[str, Any]], other: float | None) -> Image:
    worst = max(pairs, key=lambda pair: float(pair["score"]))
    sha256 = worst["training_sha256"]
    return Image(
        uri=str(worst["training_uri"]),
        id=str(worst["training_id"]),
        sha256=None if sha256 is None else str(sha256),
        samples=len(pairs),
        sample=str(worst["sample"]),
        score=float(worst["score"]),
        other=other,
    )


def _key(pair: Mapping[str, Any]) -> str:
    return " ".join(lasting_name(pair["training_sha256"], pair["training_uri"], pair["training_id"]))
