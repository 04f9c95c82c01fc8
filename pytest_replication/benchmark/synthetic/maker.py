"""Makes the pictures of one synthetic set, one at a time, so that memory does not grow with the set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pytest_replication.benchmark.sets import Picture
from pytest_replication.benchmark.synthetic.folder import SIDES
from pytest_replication.benchmark.synthetic.geometry import bounded_size
from pytest_replication.benchmark.synthetic.items import Item
from pytest_replication.benchmark.synthetic.plan import Parts, SetOptions
from pytest_replication.benchmark.synthetic.recipe import Filler, Ingredients, Kind
from pytest_replication.benchmark.synthetic.segmented import Segmented
from pytest_replication.benchmark.synthetic.truth import Piece, Twins
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.edits import differs

_FRUITLESS = 10
"""Rounds over all sources without one copy, after which there is no hope."""

_EFFORT = 1
"""Of the compression of pictures: more would take most of the time of a set, and save a few percent."""


class Maker:
    """Makes the pictures of one set.

    Args:
        kind: its name.
        what: the kind of that name.
        arguments: all parameters of its recipe.
        options: what the set is to be.
        parts: which image plays which part.
        fill: for outpainting.
        folder: where the pictures go, with the folders `SIDES`.
        twins: learns which images have the same pixels.
        progress: show a bar, on a terminal.
    """

    def __init__(
        self,
        kind: str,
        what: Kind,
        arguments: Mapping[str, float],
        options: SetOptions,
        parts: Parts,
        fill: Filler | None,
        folder: Path,
        twins: Twins,
        progress: bool,
    ) -> None:
        self.kind, self.what, self.arguments, self.options = kind, what, arguments, options
        self.parts, self.fill, self.folder, self.twins = parts, fill, folder, twins
        self.progress = progress
        self._of_digest: dict[str, list[str]] = {}
        self._seen: set[str] = set()
        self._files = dict.fromkeys(SIDES, 0)

    def pieces(self) -> tuple[list[Piece], list[Piece], int]:
        """Make all pictures: queries, database, and how many copies came to nothing."""
        gate = self.options.direction == "gate"
        copies, skipped = self._copies("queries" if gate else "database")
        used = {piece.source for piece in copies}
        sources = [item for item in self.parts.sources if item.id in used]
        rest = [item for item in self.parts.sources if item.id not in used]
        if not gate:
            rest += self.parts.hosts
        rest = rest[: self.options.distractors]
        if gate:
            queries, database = copies, self._plain(sources + rest, "database")
        else:
            queries, database = self._plain(sources, "queries"), copies + self._plain(rest, "database")
        queries += self._plain(self.parts.negatives, "queries", prefix="negative/")
        return queries, database, skipped

    def same(self) -> list[list[str]]:
        """Groups of images that have the same pixels."""
        return sorted(ids for ids in self._of_digest.values() if len(ids) > 1)

    def _copies(self, side: str) -> tuple[list[Piece], int]:
        from tqdm import tqdm

        copies: list[Piece] = []
        skipped = fruitless = round_ = 0
        hidden = None if self.progress else True
        with tqdm(total=self.options.count, desc=self.kind, unit="copy", disable=hidden) as bar:
            while len(copies) < self.options.count:
                before = len(copies)
                for place, source in enumerate(self.parts.sources):
                    seed = [self.options.seed, 1, round_, place]
                    made, lost = self._copies_of(source, seed, len(copies), skipped, side)
                    copies += made
                    skipped += lost
                    bar.update(len(made))
                fruitless = 0 if len(copies) > before else fruitless + 1
                round_ += 1
                if fruitless == _FRUITLESS:
                    raise BenchmarkError(
                        f"no copy of {len(self.parts.sources)} images came to anything in {_FRUITLESS} "
                        f"rounds ({skipped} showed their source in less than {self.options.least:.1%} of "
                        "their pixels, had no object, or were the source itself): give other images, or "
                        "lower 'least' or 'cutoff'"
                    )
        return copies, skipped

    def _copies_of(
        self, source: Item, seed: Sequence[int], before: int, skipped: int, side: str
    ) -> tuple[list[Piece], int]:
        wanted = min(self.options.each, self.options.count - before)
        if wanted == 0:
            return [], 0
        rng = np.random.default_rng(seed)
        hosts = list(self._hosts(wanted, rng))
        ingredients = Ingredients(
            self._load(source),
            tuple(self._load(host).image for host in hosts),
            wanted,
            before + skipped,
            rng,
            self.fill,
        )
        pieces: list[Piece] = []
        for number, mixed in enumerate(self.what.recipe(ingredients, **self.arguments)):
            if mixed is None or mixed.area < self.options.least or mixed.area == 0:
                continue
            if not differs(ingredients.source.image, mixed.image):
                continue  # anything finds the image itself: a grey image that was greyed, say
            made: dict[str, Any] = {"source": source.id, "area": round(mixed.area, 6)}
            shows = {source.id}
            # Where the source fills the picture, nothing of the host is in it.
            if hosts and mixed.area < 1:
                made["host"] = hosts[number].id
                shows.add(hosts[number].id)
            name = f"{self.kind}-{before + len(pieces):06d}"
            picture = self._save(mixed.image, side, name)
            pieces.append(Piece(picture, source.id, frozenset(shows), made | dict(mixed.made)))
        return pieces, wanted - len(pieces)

    def _hosts(self, wanted: int, rng: np.random.Generator) -> Iterator[Item]:
        hosts = self.parts.hosts
        if hosts:
            for place in rng.choice(len(hosts), wanted, replace=wanted > len(hosts)):
                yield hosts[int(place)]

    def _plain(self, items: Sequence[Item], side: str, prefix: str = "") -> list[Piece]:
        pieces = []
        # In the order of their names: the truth must not show in the order.
        for item in sorted(items, key=lambda item: item.id):
            picture = self._save(self._load(item).image, side, prefix + item.id)
            pieces.append(Piece(picture, item.id, frozenset({item.id})))
        return pieces

    def _load(self, item: Item) -> Segmented:
        loaded = item.load().bounded(self.options.longest)
        if item.id not in self._seen:
            self._seen.add(item.id)
            content = f"{loaded.image.size}".encode() + loaded.image.tobytes()
            same = self._of_digest.setdefault(hashlib.sha256(content).hexdigest(), [])
            same.append(item.id)
            self.twins.join(same[0], item.id)
        return loaded

    def _save(self, image: Image.Image, side: str, name: str) -> Picture:
        path = self.folder / side / f"{self._files[side]:06d}.png"
        self._files[side] += 1
        size = bounded_size(image.size, self.options.longest)  # edits may have made it larger
        bare = image.copy() if size == image.size else image.resize(size, Image.Resampling.BICUBIC)
        bare.info = {}  # a colour profile or a date would go into the file
        bare.save(path, "PNG", compress_level=_EFFORT)
        return Picture(name, path)
