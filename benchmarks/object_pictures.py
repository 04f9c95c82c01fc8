"""Distinct photographs and cut-out objects, dealt out so that nothing plays two parts.

Of pictures that show the same, one is kept. A picture is left out when it, or its mirror image,
comes to `SAME` with an earlier one under `sscd`, or has the same small form as `benchmark.alike` tells it. A
cut-out is left out, too, when its outline, or the mirrored one, covers that of an earlier one (`OUTLINE`)
and the grey levels within follow the same course, or its negative (`COURSE`): recoloured variants.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from measure import say
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pytest_replication.benchmark.alike import alike, small_forms
from pytest_replication.benchmark.synthetic.masks_beside import OPAQUE
from pytest_replication.embedders import load_embedder
from pytest_replication.images.decode import UndecodableImage, decode

ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
SAME = 0.5
OUTLINE, COURSE, GRID = 0.85, 0.5, 32
LONGEST = 512
FILLED = 0.25
"""Share of its box that a cut-out has to cover: of rods and rings there is too little to see."""
PARTS = {"under-objects": 6, "plain": 6, "hosts": 3, "negative-sources": 2, "negative-hosts": 3}
"""Which photographs are dealt out to what, in twentieths."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures are taken.

    Attributes:
        photographs: folders.
        cutouts: folders of images with alpha.
        without: names of folders of cut-outs that are passed over.
        least: shorter side of a photograph, in pixels.
        least_cutout: the same of the box of a cut-out.
        seed: decides who plays which part.
    """

    photographs: tuple[str, ...]
    cutouts: tuple[str, ...]
    without: tuple[str, ...]
    least: int = 240
    least_cutout: int = 100
    seed: int = 0

    def data(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


def deal(folder: Path, wanted: Wanted) -> dict[str, Any]:
    """Fill a folder with one folder of pictures a part; returns how many there are of what.

    The folder appears when it is complete, and is taken as it is when it was filled for the same wish.
    """
    return complete(folder, wanted.data(), lambda place: _deal(place, wanted))


def complete(folder: Path, wish: dict[str, Any], fill: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Fill a folder that appears when it is complete; refuse one that was filled for another wish."""
    note, wish = folder / "about.json", json.loads(json.dumps(wish))
    if note.is_file():
        about: dict[str, Any] = json.loads(note.read_text())
        if about["wish"] != wish:
            raise SystemExit(f"{folder} was filled for {about['wish']}, not for {wish}: give another --work")
        return about
    temporary = folder.with_name(f".new-{folder.name}")
    for old in (temporary, folder):
        shutil.rmtree(old, ignore_errors=True)
    temporary.mkdir(parents=True)
    about = {"wish": wish, **fill(temporary)}
    (temporary / note.name).write_text(json.dumps(about, indent=1))
    temporary.rename(folder)
    return about


def _deal(folder: Path, wanted: Wanted) -> dict[str, Any]:
    rng = np.random.default_rng(wanted.seed)
    dealt, seen = distinct(photographs(wanted), "photographs")
    places = [part for part, weight in PARTS.items() for _ in range(weight)]
    about: dict[str, Any] = {"photographs_seen": seen, "photographs": len(dealt)}
    for number, place in enumerate(rng.permutation(len(dealt))):
        part = places[number * 7 % len(places)]
        _keep(dealt[place], folder / part / f"{number:04d}.png", about, part)
    cutouts, seen = distinct(_cutouts(wanted), "cut-outs")
    about |= {"cutouts_seen": seen, "cutouts": len(cutouts)}
    for number, place in enumerate(rng.permutation(len(cutouts))):
        part = "negative-objects" if number % 3 == 2 else "objects"
        _keep(cutouts[place], folder / part / f"{number:04d}.png", about, part)
    return about


def _keep(image: Image.Image, path: Path, about: dict[str, Any], part: str) -> None:
    path.parent.mkdir(exist_ok=True)
    image.save(path)
    about[part] = about.get(part, 0) + 1


def _files(folders: Iterable[str], without: Sequence[str] = ()) -> list[Path]:
    found = (path for folder in folders for path in Path(folder).rglob("*"))
    return sorted(path for path in found if path.suffix.lower() in ENDINGS and not {*path.parts} & {*without})


def photographs(wanted: Wanted) -> Iterable[Image.Image]:
    """Those of its folders that can be read and are large enough, as they are dealt."""
    for path in _files(wanted.photographs):
        try:
            image = decode(path.read_bytes())
        except UndecodableImage:
            continue
        if min(image.size) >= wanted.least:
            image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
            yield image


def _cutouts(wanted: Wanted) -> Iterable[Image.Image]:
    """Cut-outs, cut to their box, with what lies outside of the outline made white."""
    for path in _files(wanted.cutouts, wanted.without):
        with Image.open(path) as opened:
            if not opened.has_transparency_data:
                continue
            image = opened.convert("RGBA")
        solid = np.asarray(image)[..., 3] >= OPAQUE
        box = Image.fromarray(solid).getbbox()
        if box is None:
            continue
        image, solid = image.crop(box), solid[box[1] : box[3], box[0] : box[2]]
        if min(image.size) >= wanted.least_cutout and FILLED <= solid.mean() < 1:
            image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
            yield image


def distinct(images: Iterable[Image.Image], what: str) -> tuple[list[Image.Image], int]:
    """Those that are unlike all earlier ones, and how many there were."""
    embedder = load_embedder("sscd")
    kept: list[Image.Image] = []
    vectors = np.empty((0, embedder.spec.dim), np.float32)
    forms = np.empty((0, 16 * 16 * 3), np.uint8)
    outlines = np.empty((0, GRID, GRID), np.bool_)
    courses = np.empty((0, GRID, GRID), np.float32)
    seen = 0
    for image in images:
        seen += 1
        both = [on_white(image), ImageOps.mirror(on_white(image))]
        form = small_forms([partial(_given, each) for each in both])
        outline, course = _course(image)
        if _shaped_alike(outline, course, outlines, courses) or alike(form, forms):
            continue
        vector = embedder.embed([embedder.prepare(each) for each in both])
        if len(kept) and (vectors @ vector.T).max() >= SAME:
            continue
        kept.append(image)
        vectors, forms = np.concatenate([vectors, vector[:1]]), np.concatenate([forms, form[:1]])
        outlines = np.concatenate([outlines, outline[None]])
        courses = np.concatenate([courses, course[None]])
    say(f"{len(kept)} of {seen} {what} are distinct")
    return kept, seen


def _given(image: Image.Image) -> Image.Image:
    return image


def on_white(image: Image.Image) -> Image.Image:
    """RGB, with white where there is nothing."""
    if image.mode != "RGBA":
        return image
    below = Image.new("RGBA", image.size, "white")
    below.alpha_composite(image)
    return below.convert("RGB")


def _course(image: Image.Image) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Outline (all of it for a photograph) and grey levels of a small square form."""
    grey = np.asarray(on_white(image).convert("L").resize((GRID, GRID), Image.Resampling.BOX), np.float32)
    if image.mode != "RGBA":
        return np.ones((GRID, GRID), np.bool_), grey
    alpha = image.getchannel("A").resize((GRID, GRID), Image.Resampling.BOX)
    return np.asarray(alpha) >= OPAQUE, grey


def _shaped_alike(
    outline: NDArray[np.bool_],
    course: NDArray[np.float32],
    outlines: NDArray[np.bool_],
    courses: NDArray[np.float32],
) -> bool:
    if outline.all():  # a photograph: the extractor and the small form decide
        return False
    for turn in (np.s_[:], np.s_[:, ::-1]):
        mine, grey = outline[turn], course[turn]
        shared = (mine & outlines).sum((1, 2)) / np.maximum(1, (mine | outlines).sum((1, 2)))
        for place in np.flatnonzero(shared >= OUTLINE):
            both = mine & outlines[place]
            one, other = grey[both], courses[place][both]
            flat = min(one.std(), other.std()) < 4
            if flat or abs(np.corrcoef(one, other)[0, 1]) >= COURSE:
                return True
    return False
