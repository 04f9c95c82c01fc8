"""Hold-outs in the forms of samples, and in those of training sets too."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from pytest_replication.errors import SampleError, SourceError
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.sources import ImageRef, open_source
from pytest_replication.models.samples import Samples


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
            f"{ref.uri} of the hold-out cannot be read: {error}; mend it, or leave it out"
        ) from error
