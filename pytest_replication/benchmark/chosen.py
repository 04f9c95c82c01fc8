"""The sets that a user chose: made of their images, read from a folder, or published ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_replication.benchmark.alike import Loader
from pytest_replication.benchmark.real import REAL_SETS, open_real_set
from pytest_replication.benchmark.recipe_note import (
    RECIPE,
    check_recipe,
    digest_of_files,
    digest_of_images,
    parts_of,
    write_recipe,
)
from pytest_replication.benchmark.sets import DESCRIPTION, Picture, RetrievalSet, read_set
from pytest_replication.benchmark.synthetic.fill import check_filler
from pytest_replication.benchmark.synthetic.items import Item, open_items
from pytest_replication.benchmark.synthetic.kinds import KINDS
from pytest_replication.benchmark.synthetic.make import make_set
from pytest_replication.benchmark.synthetic.masks import mask_source, open_masks
from pytest_replication.benchmark.synthetic.plan import OTHERS, SetOptions
from pytest_replication.errors import BenchmarkError, SettingsError, UnknownName, meant
from pytest_replication.images.sources import open_source


@dataclass(frozen=True, slots=True)
class Chosen:
    """What synthetic sets are made of.

    Attributes:
        images: source of the training images.
        objects: images with masks, for the kinds that need them.
        others: source of images that are no training images.
        count: copies a set.
        negatives: queries a set that copy nothing.
        seed: of all of them.
        fill: folder of a pipeline that outpaints.
        twins: file of near duplicates among the images, a pair a line; see `read_twins`.
    """

    images: str | None = None
    objects: str | None = None
    others: str | None = None
    count: int = 100
    negatives: int = 0
    seed: int = 0
    fill: str | None = None
    twins: str | None = None


def choose_sets(
    names: Sequence[str],
    chosen: Chosen,
    folder: Path,
    *,
    partial: bool = False,
    progress: bool = True,
    tell: Callable[[str], None] | None = None,
) -> list[RetrievalSet]:
    """Make or read the sets of some names.

    Args:
        names: kinds of synthetic sets; folders that hold a set; published sets as ``NAME=FOLDER``.
        chosen: what synthetic sets are made of.
        folder: where those are kept; one that was made with the same arguments of the same images is
            taken as it is.
        partial: take published sets with fewer pictures than published; their names then say so.
        progress: show progress bars when standard error is a terminal.
        tell: called with a line for each set that is ready.

    Raises:
        UnknownName, SettingsError, SourceError: as `check_sets`.
        BenchmarkError: likewise, a folder that cannot be written, or a set in it that was made otherwise.
    """
    check_sets(names, chosen, partial=partial)
    sets = []
    for name in names:
        made = _choose(name, chosen, folder, partial, progress)
        if tell is not None:
            tell(f"{made.name}: {len(made.queries)} queries, {len(made.database)} pictures in the database")
        sets.append(made)
    return sets


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
    if partial and not any(_published(name) for name in names):
        raise SettingsError("partial is for published sets (NAME=FOLDER), and none is named: leave it away")
    for name in names:
        if not (_published(name) or name in KINDS or (Path(name) / DESCRIPTION).is_file()):
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
        found = {pair for kind in kinds for pair in _twins_among(chosen, KINDS[kind].masks)}
        if strange := [pair for pair in read_twins(chosen.twins) if pair not in found]:
            raise SettingsError(
                f"{chosen.twins} names {' and '.join(strange[0])}, which are not both among the images of "
                f"one set: write the ids of two images, with {OTHERS} before those of --others"
            )


def read_twins(file: str) -> list[tuple[str, str]]:
    """Read pairs of near duplicates: two ids a line, a tab between them.

    Args:
        file: text in UTF-8; empty lines and those that begin with ``#`` are skipped.

    Raises:
        SettingsError: it cannot be read, or a line holds something else.
    """
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise SettingsError(f"the twins {file} cannot be read ({error}): give a text file") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            one, _, other = line.partition("\t")
            if not (one and other) or "\t" in other:
                raise SettingsError(
                    f"line {number} of {file} is {line!r}: expected the ids of two images, a tab between them"
                )
            pairs.append((one, other))
    return pairs


def hosts_of(made: RetrievalSet, chosen: Chosen) -> dict[str, Loader]:
    """The hosts that parts were pasted into, for a set that `choose_sets` made; none for any other.

    Args:
        made: a set.
        chosen: what it was made of.
    """
    wanted = {str(query.made["host"]) for query in made.queries if "host" in query.made}
    kind = KINDS.get(made.name)
    if not wanted or kind is None or (chosen.objects if kind.masks else chosen.images) is None:
        return {}
    images = open_masks(chosen.objects) if kind.masks else open_items(chosen.images)
    items = {item.id: item for item in images.images}
    if chosen.others is not None:
        items |= {f"{OTHERS}{item.id}": item for item in open_items(chosen.others).images}
    return {id_: _loader(items[id_]) for id_ in sorted(wanted & set(items))}


def _loader(item: Item) -> Loader:
    return lambda: item.load().image


def _twins_among(chosen: Chosen, masks: bool) -> list[tuple[str, str]]:
    """Those pairs of which both are among the images of a set."""
    if chosen.twins is None:
        return []
    images = open_masks(chosen.objects) if masks else open_items(chosen.images)
    ids = {item.id for item in images.images}
    if chosen.others is not None:
        ids |= {f"{OTHERS}{item.id}" for item in open_items(chosen.others).images}
    return [pair for pair in read_twins(chosen.twins) if set(pair) <= ids]


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
    given = (chosen.images, chosen.objects, chosen.others, background, *map(_root, names))
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


def _published(name: str) -> bool:
    title, equals, _ = name.partition("=")
    return bool(equals) and title.partition(":")[0] in REAL_SETS


def _root(name: str) -> str:
    """Folder of a published set; empty for any other."""
    return name.partition("=")[2] if _published(name) else ""


def pictures_of(folder: str) -> list[Picture]:
    """All pictures of a folder and the folders below it, by name.

    Raises:
        BenchmarkError: it is no folder, or there is none in it.
        SourceError: it cannot be listed.
    """
    found = [Picture(ref.id, ref.content) for ref in open_source(folder) if isinstance(ref.content, Path)]
    if not found:
        raise BenchmarkError(f"{folder} is no folder with images: give one as the background")
    return found


def _choose(name: str, chosen: Chosen, folder: Path, partial: bool, progress: bool) -> RetrievalSet:
    if _published(name):
        made = open_real_set(name.partition("=")[0], Path(_root(name)), partial=partial)
        return replace(made, name=f"{made.name} (partial)") if partial else made
    if name in KINDS:
        return _made(name, chosen, folder / name, progress)
    return read_set(Path(name))


def _made(kind: str, chosen: Chosen, folder: Path, progress: bool) -> RetrievalSet:
    images = str(chosen.objects if KINDS[kind].masks else chosen.images)  # check_sets saw that there are some
    fill = chosen.fill if KINDS[kind].fill else None
    twins = _twins_among(chosen, KINDS[kind].masks)
    recipe = {
        "version": RECIPE,
        "images": digest_of_files(images) if KINDS[kind].masks else digest_of_images(images),
        "others": None if chosen.others is None else digest_of_images(chosen.others),
        "count": chosen.count,
        "negatives": chosen.negatives,
        "seed": chosen.seed,
        "fill": None if fill is None else digest_of_files(fill),
        "twins": None if chosen.twins is None else [list(pair) for pair in twins],
    }
    note = folder.with_name(f"{kind}.json")
    if (folder / DESCRIPTION).is_file():
        check_recipe(note, recipe, folder)
        return read_set(folder)
    write_recipe(note, recipe)
    return make_set(
        kind,
        images,
        folder,
        seed=chosen.seed,
        count=chosen.count,
        negatives=chosen.negatives,
        others=chosen.others,
        fill=fill,
        twins=twins,
        progress=progress,
    )
