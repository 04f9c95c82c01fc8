"""Make a synthetic set: copies of the user's own images, with the truth beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from pytest_replication.benchmark.sets import RetrievalSet, write_truth
from pytest_replication.benchmark.synthetic.fill import open_filler
from pytest_replication.benchmark.synthetic.folder import finish, keep_out, prepare
from pytest_replication.benchmark.synthetic.items import Items, open_items
from pytest_replication.benchmark.synthetic.kinds import checked_parameters, kind_named
from pytest_replication.benchmark.synthetic.maker import Maker
from pytest_replication.benchmark.synthetic.masks import open_masks
from pytest_replication.benchmark.synthetic.plan import OTHERS, SetOptions, share_out
from pytest_replication.benchmark.synthetic.truth import Twins, with_truth
from pytest_replication.errors import BenchmarkError


def make_set(
    kind: str,
    images: object,
    out_folder: Path,
    *,
    seed: int = 0,
    count: int = 100,
    each: int = 1,
    negatives: int = 0,
    distractors: int | None = None,
    direction: str = "gate",
    longest: int = 512,
    least: float = 0.01,
    parameters: Mapping[str, float] | None = None,
    others: object = None,
    fill: object = None,
    twins: Iterable[tuple[str, str]] = (),
    overwrite: bool = False,
    progress: bool = True,
) -> RetrievalSet:
    """Make a synthetic set and write it to a folder.

    A copy shows its source, and for some kinds a host as well. No host is in the database of a gate
    set, so that all there is to find is the source. The same arguments give the same bytes.

    Args:
        kind: one of `kinds.KINDS`.
        images: the training images: whatever an index can be built from; for the kinds that need
            masks, whatever `masks.open_masks` takes.
        out_folder: must not exist, be empty, or hold a set whose making was cut short.
        seed: see `plan.SetOptions`, as for all up to ``parameters``.
        count: number of copies.
        each: copies of each source, before a source is used again.
        negatives: number of queries that should find nothing.
        distractors: number of further images in the database; None for all.
        direction: ``gate`` or ``paper``.
        longest: longest side of all pictures, in pixels.
        least: smallest share of the pixels of a copy that shows its source.
        parameters: what the recipe is given.
        others: images that are no training images: hosts and negatives. None to take them from the
            training images, which then are in no database.
        fill: what fills outpainted copies: the folder of a pipeline of diffusers, or None for OpenCV.
        twins: pairs of ids of near duplicates (``others/ID`` for the others). A picture that shows a
            twin of what a query shows is junk for it. Pictures of the same pixels are found here.
        overwrite: replace a set that is there.
        progress: show a bar, on a terminal.

    Returns:
        The set, as `sets.read_set` reads it.

    Raises:
        BenchmarkError: arguments that cannot be used, too few images, an image that cannot be read, or
            a folder that holds something else.
        SourceError: the images cannot be listed.
        ModelError: the pipeline that fills fails.
    """
    options = SetOptions(
        seed, count, each, negatives, distractors, direction, longest, least, dict(parameters or {})
    )
    arguments = checked_parameters(kind, kind_named(kind), options.parameters)
    given = _open(kind, images, others)
    maker = _maker(kind, arguments, given, options, twins, fill, out_folder, progress)
    keep_out(out_folder, images, others)
    prepare(out_folder, overwrite=overwrite)
    made = _gather(maker, given.origin)
    write_truth(out_folder, made)
    finish(out_folder)
    return made


class _Given(NamedTuple):
    """The images that a set is made of: the training images, and others or None."""

    images: Items
    others: Items | None

    @property
    def origin(self) -> dict[str, Any]:
        """What the set says of them."""
        return {"images": _listed(self.images), "others": self.others and _listed(self.others)}


def _open(kind: str, images: object, others: object) -> _Given:
    """List the images, with their masks for a kind that needs these."""
    listed = open_masks(images) if kind_named(kind).masks else open_items(images)
    return _Given(listed, None if others is None else open_items(others))


def _maker(
    kind: str,
    arguments: Mapping[str, float],
    given: _Given,
    options: SetOptions,
    twins: Iterable[tuple[str, str]],
    fill: object,
    out_folder: Path,
    progress: bool,
) -> Maker:
    """What makes the pictures; whatever cannot be used is refused before anything is written."""
    what = kind_named(kind)
    parts = share_out(given.images, given.others, what, options)
    known = _joined(twins, given.images, given.others)
    filler = open_filler(fill) if what.fill else None
    return Maker(kind, what, arguments, options, parts, filler, out_folder, known, progress)


def _gather(maker: Maker, origin: Mapping[str, Any]) -> RetrievalSet:
    """Make the pictures, and say what they are and where they come from."""
    queries, database, skipped = maker.pieces()
    about: dict[str, Any] = {
        "kind": maker.kind,
        **asdict(maker.options),
        "parameters": maker.arguments,
        **origin,
        "hosts": len(maker.parts.hosts),
        "skipped": skipped,
        "same": maker.same(),
    }
    if maker.fill is not None:
        about["fill"] = dict(maker.fill.about)
    if maker.options.direction == "paper":  # copies are no queries there, which would say it themselves
        about["copies"] = {piece.picture.id: dict(piece.made) for piece in database if piece.made}
    pictures = tuple(piece.picture for piece in database)
    return RetrievalSet(maker.kind, with_truth(queries, database, maker.twins), pictures, about)


def _listed(items: Items) -> dict[str, Any]:
    return {"name": items.name, "listed": len(items.images)}


def _joined(pairs: Iterable[tuple[str, str]], images: Items, others: Items | None) -> Twins:
    spare = () if others is None else others.images
    twins = Twins([*(item.id for item in images.images), *(f"{OTHERS}{item.id}" for item in spare)])
    for one, other in pairs:
        for id_ in (one, other):
            if id_ not in twins:
                raise BenchmarkError(f"the twins name {id_!r}, which is not among the images")
        twins.join(one, other)
    return twins
