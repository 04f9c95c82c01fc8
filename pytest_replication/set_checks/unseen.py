"""Hold-outs: in the forms of samples and in those of training sets too, and what makes one useless."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from pytest_replication.controls.copies import MAX_COPIED, too_many_copies
from pytest_replication.errors import SampleError, SettingsError, SourceError
from pytest_replication.escape import one_line
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.sources import ImageRef, open_source
from pytest_replication.models.samples import Samples
from pytest_replication.search import Subject
from pytest_replication.search.duplicates import DUPLICATE
from pytest_replication.set_checks.independent import keys_of
from pytest_replication.set_checks.running import Features


def holdout_samples(given: object) -> Samples:
    """Take a hold-out in any form of samples or, by its name, in any form that `calibrate` takes.

    What is no folder is read into memory whole.

    Args:
        given: what `Samples.of` takes, or the name of a source (a .npy, .npz, .txt, parquet or tar file,
            ``KIND:PATH``).

    Raises:
        SampleError: it is neither, holds no images, or one of them cannot be read.
    """
    if not isinstance(given, (str, os.PathLike)) or Path(given).is_dir():
        return Samples.of(given)
    try:
        source = open_source(os.fspath(given))
        refs = list(source)
        return Samples([_picture(ref) for ref in refs], tuple(ref.uri for ref in refs), source.name)
    except SourceError as error:
        raise SampleError(f"the hold-out cannot be used: {error}") from error


def _picture(ref: ImageRef) -> Image.Image:
    try:
        if ref.fault is not None:
            raise UndecodableImage(ref.fault)
        return decode(ref.read())
    except (OSError, UndecodableImage) as error:
        raise SampleError(
            f"{one_line(ref.uri)} of the hold-out cannot be read: {error}; mend it, or leave it out"
        ) from error


def check_copies(given: float | None, most: float) -> None:
    """Refuse what is no score from which on a hold-out image is a copy, or no share that may be.

    Raises:
        SettingsError: so it is.
    """
    if not 0 <= most <= 1:
        raise SettingsError(f"max_copied is {most}; expected a share from 0 to 1, such as {MAX_COPIED}")
    if given is not None and not -1 < given <= 1:
        raise SettingsError(f"holdout_copies is {given}; expected a score, such as {DUPLICATE}")


def few_copied(copied: int, of: int, line: float, most: float, what: str) -> None:
    """Refuse a hold-out of which many images are copies of training images.

    Raises:
        SampleError: it is no hold-out, or the samples are given in its place.
    """
    if said := too_many_copies(copied, of, line, most, what, "max_copied="):
        raise SampleError(said)


def keep_apart(samples: Features, holdout: Features, subject: Subject, source: str) -> None:
    """Refuse samples that are hold-out images: they would be compared with themselves.

    Raises:
        SampleError: some are.
    """
    theirs = set(keys_of(holdout))
    same = [number for number, key in enumerate(keys_of(samples)) if key in theirs]
    if same:
        raise SampleError(
            f"{len(same)} of {len(samples)} samples are images of the hold-out {source} (the first: "
            f"{subject.samples[same[0]]}): give a hold-out that the model has not made and was not trained on"
        )
