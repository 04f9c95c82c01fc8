"""The sets that a user chose: made of their images, read from a folder, or published ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_replication.benchmark.alike import Loader
from pytest_replication.benchmark.chosen import Chosen, is_published, root_of
from pytest_replication.benchmark.chosen_checks import check_sets
from pytest_replication.benchmark.real import open_real_set
from pytest_replication.benchmark.recipe_note import (
    RECIPE,
    check_recipe,
    digest_of_files,
    digest_of_images,
    write_recipe,
)
from pytest_replication.benchmark.sets import DESCRIPTION, Picture, RetrievalSet, read_set
from pytest_replication.benchmark.synthetic.items import Item, open_items
from pytest_replication.benchmark.synthetic.kinds import KINDS
from pytest_replication.benchmark.synthetic.make import make_set
from pytest_replication.benchmark.synthetic.masks import open_masks
from pytest_replication.benchmark.synthetic.plan import OTHERS
from pytest_replication.benchmark.twins import twins_among
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.sources import open_source


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
    if is_published(name):
        made = open_real_set(name.partition("=")[0], Path(root_of(name)), partial=partial)
        return replace(made, name=f"{made.name} (partial)") if partial else made
    if name in KINDS:
        return _made(name, chosen, folder / name, progress)
    return read_set(Path(name))


def _made(kind: str, chosen: Chosen, folder: Path, progress: bool) -> RetrievalSet:
    images = str(chosen.objects if KINDS[kind].masks else chosen.images)  # check_sets saw that there are some
    fill = chosen.fill if KINDS[kind].fill else None
    twins = twins_among(chosen, KINDS[kind].masks)
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
