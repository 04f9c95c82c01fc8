"""Samples on disk, each by what it was made from: a second run does not make them again.

The key of a sample is a digest over the fingerprint of its model (weights and options), its prompt, seed and
class, the libraries that made it with their versions, and the kind of device. Beside each PNG stands a JSON
with its sha256; a sample that does not fit it is made again.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from pytest_replication.durable import replace_file
from pytest_replication.errors import ModelError
from pytest_replication.images.decode import UndecodableImage, decode

if TYPE_CHECKING:
    from pytest_replication.models.base import Request

_FORMAT = 1


class SampleCache:
    """A folder of samples.

    Args:
        folder: made if it is not there.
        fingerprint: of the model.
        libraries: distributions that make its images.
        place: kind of device, such as ``cpu``.

    Raises:
        ModelError: the folder cannot be made.
    """

    def __init__(self, folder: Path, fingerprint: str, libraries: tuple[str, ...], place: str) -> None:
        self._folder = folder
        self._about = {
            "format": _FORMAT,
            "fingerprint": fingerprint,
            "libraries": {name: _version(name) for name in libraries},
            "device": place,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(f"the cache {folder} cannot be made: {error.strerror}") from error

    def find(self, request: Request) -> Image.Image | None:
        """A sample that was kept; None if it was not, or if its files are not what was written."""
        key = self._key(request)
        try:
            content = self._path(key, ".png").read_bytes()
            told = json.loads(self._path(key, ".json").read_bytes())
            if told["sha256"] != hashlib.sha256(content).hexdigest() or told["made_from"] != self._told(
                request
            ):
                return None
            return decode(content)
        except (OSError, ValueError, KeyError, TypeError, UndecodableImage):
            return None

    def keep(self, request: Request, image: Image.Image) -> None:
        """Keep a sample.

        Raises:
            ModelError: it cannot be written.
        """
        key, buffer = self._key(request), BytesIO()
        image.save(buffer, "PNG", compress_level=3)
        content = buffer.getvalue()
        told = {"sha256": hashlib.sha256(content).hexdigest(), "made_from": self._told(request)}
        try:
            self._path(key, ".png").parent.mkdir(exist_ok=True)
            # What a power cut has spoilt does not fit its sha256, and is made again.
            replace_file(self._path(key, ".png"), content, sync=False)
            replace_file(self._path(key, ".json"), json.dumps(told, indent=1).encode(), sync=False)
        except OSError as error:
            raise ModelError(
                f"a sample cannot be kept in the cache {self._folder}: {error.strerror}; give another "
                "folder, or none"
            ) from error

    def _told(self, request: Request) -> dict[str, object]:
        return {**self._about, "seed": request.seed, "prompt": request.prompt, "label": request.label}

    def _key(self, request: Request) -> str:
        return hashlib.sha256(json.dumps(self._told(request), sort_keys=True).encode()).hexdigest()

    def _path(self, key: str, suffix: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}{suffix}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
