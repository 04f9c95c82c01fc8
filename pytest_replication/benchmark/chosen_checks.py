"""Can the sets that a user chose be had, and beside the results? Found out before the first is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_replication.benchmark.chosen import Chosen, is_published, root_of
from pytest_replication.benchmark.real import REAL_SETS
from pytest_replication.benchmark.recipe_note import parts_of
from pytest_replication.benchmark.sets import DESCRIPTION
from pytest_replication.benchmark.synthetic.fill import check_filler
from pytest_replication.benchmark.synthetic.kinds import KINDS
from pytest_replication.benchmark.synthetic.masks import mask_source
from pytest_replication.benchmark.synthetic.plan import OTHERS, SetOptions
from pytest_replication.benchmark.twins import read_twins, twins_among
from pytest_replication.errors import BenchmarkError, SettingsError, UnknownName, meant
from pytest_replication.images.sources import open_source


def check_sets(names: Sequence[str], chosen: Chosen, *, partial: bool = False) -> None:
    """Find out whether all sets can be had, before the first of them is made.

    Args:
        names: as `choose_sets` takes them.
        chosen: what synthetic sets are made of.
        partial: as `choose_sets` takes it.

    Raises:
        UnknownName: a name that is no set.
        SettingsError: partial sets without a published one, a number out of its range, or images that are
            missing.
        SourceError: there are no images where they should be.
        BenchmarkError: what fills outpainted copies is missing.
    """
    if partial and not any(is_published(name) for name in names):
        raise SettingsError("partial is for published sets (NAME=FOLDER), and none is named: leave it away")
    for name in names:
        if not (is_published(name) or name in KINDS or (Path(name) / DESCRIPTION).is_file()):
            raise UnknownName(
                f"there is no set {name!r}{meant(name, KINDS)}: give a kind ({', '.join(KINDS)}), a folder "
                f"that holds a set, or a published set ({', '.join(REAL_SETS)}) as NAME=FOLDER"
            )
    kinds = [name for name in names if name in KINDS]
    for kind in kinds:
        if KINDS[kind].masks and chosen.objects is None:
            raise SettingsError(
                f"a set {kind} is made of images with masks: give them as --objects cutouts:FOLDER, "
                "voc:FOLDER or coco:JSON:FOLDER"
            )
        if not KINDS[kind].masks and chosen.images is None:
            raise SettingsError(f"a set {kind} is made of images: give them with --images")
    if not kinds:
        return
    try:
        SetOptions(seed=chosen.seed, count=chosen.count, negatives=chosen.negatives)
    except BenchmarkError as error:
        raise SettingsError(str(error)) from error
    if chosen.objects is not None and any(KINDS[kind].masks for kind in kinds):
        mask_source(chosen.objects)
    if chosen.images is not None and not all(KINDS[kind].masks for kind in kinds):
        open_source(chosen.images)
    if chosen.others is not None:
        open_source(chosen.others)
    if any(KINDS[kind].fill for kind in kinds):
        check_filler(None if chosen.fill is None else Path(chosen.fill))
    if chosen.twins is not None:
        found = {pair for kind in kinds for pair in twins_among(chosen, KINDS[kind].masks)}
        if strange := [pair for pair in read_twins(chosen.twins) if pair not in found]:
            raise SettingsError(
                f"{chosen.twins} names {' and '.join(strange[0])}, which are not both among the images of "
                f"one set: write the ids of two images, with {OTHERS} before those of --others"
            )


def idle(names: Sequence[str], chosen: Chosen) -> list[str]:
    """Which options change nothing for these sets, each as a sentence."""
    kinds = [KINDS[name] for name in names if name in KINDS]
    used = {
        "images": any(not kind.masks for kind in kinds) or "no kind that is made of plain images is named",
        "objects": any(kind.masks for kind in kinds) or "no kind that needs masks is named",
        "others": any(kind.hosts or chosen.negatives for kind in kinds)
        or "no kind with hosts is named, and --negatives is 0",
        "fill": any(kind.fill for kind in kinds) or "no outpainted kind is named",
        "twins": bool(kinds) or "no kind that is made here is named",
    }
    return [
        f"--{option} changes nothing: {why}"
        for option, why in used.items()
        if why is not True and getattr(chosen, option) is not None
    ]


def check_apart(out: Path, names: Sequence[str], chosen: Chosen, background: str | None = None) -> None:
    """Refuse a folder of results and a folder of images of which one is or holds the other.

    Args:
        out: where results go.
        names: of the sets, as `choose_sets` takes them.
        chosen: what synthetic sets are made of.
        background: source of the background set.

    Raises:
        BenchmarkError: pictures and results would lie among each other.
    """
    own, sets = out.resolve(), [Path(name) for name in names if name not in KINDS]
    given = (chosen.images, chosen.objects, chosen.others, background, *map(root_of, names))
    places = [Path(part) for source in given if source for part in parts_of(source)]
    for place in (path.resolve() for path in places if path.is_dir()):
        if own.is_relative_to(place) or place.is_relative_to(own):
            raise _among(out, place)
    for place in (path.resolve() for path in sets if (path / DESCRIPTION).is_file()):
        if own.is_relative_to(place):  # sets that an earlier run has made lie in its folder
            raise _among(out, place)


def _among(out: Path, place: Path) -> BenchmarkError:
    return BenchmarkError(
        f"results would go to {out}, and images lie in {place}, which is the same folder, lies in it or "
        "holds it: give a folder apart as --out"
    )
