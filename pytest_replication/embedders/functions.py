"""``callable:module:function``: a function of yours as the embedder.

It is called as ``function(images)`` with a list of upright RGB PIL images of any sizes, and returns one
vector an image, (n, dim), or tokens (n, chunks, length) or (n, length, h, w), which are averaged: an
array, or anything numpy makes one of. It does its own resizing. What it gives for an image may depend on
nothing else. The sha256 of the file of its module takes the place of that of weights, so that a
function that was changed is another embedder; what it imports or loads is not covered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.base import Embedder, EmbedderOptions, EmbedderSpec, Prepared, sha256_of
from pytest_replication.embedders.outputs import averaged, checked
from pytest_replication.embedders.probe import probe_images
from pytest_replication.errors import EmbedderError, EmbedderUnavailable, SettingsError, is_breakage
from pytest_replication.user_code import import_named

Function = Callable[[list[Image.Image]], Any]


class FunctionEmbedder(Embedder):
    """A function in the place of a network.

    Args:
        function: gives one vector, or tokens, for each of a list of images.
        name: ``callable:module:function``.
        source_sha256: digest of the file of its module.

    Raises:
        EmbedderError: the function fails on two trial images.
    """

    batch_size = 16

    def __init__(self, function: Function, name: str, source_sha256: str) -> None:
        self._function, self._name = function, name
        self._shape: tuple[int, ...] | None = None
        output = self._run([self.prepare(image) for image in probe_images()[:2]])
        self._shape = output.shape[1:]
        if output.ndim == 3:
            self.token_shape = (output.shape[1], output.shape[2])
        dim = output.shape[-1]
        self.spec = EmbedderSpec(name, dim, source_sha256, "done by the function", name)

    def prepare(self, image: Image.Image) -> Prepared:
        """The image as it is: (height, width, 3) uint8."""
        return np.asarray(image)

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Call the function, and average tokens."""
        return averaged(self._run(batch))

    def tokens(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """What the function gives, if it gives tokens: (n, chunks, length).

        Raises:
            EmbedderError: it gives vectors.
        """
        return self._run(batch) if self.token_shape else super().tokens(batch)

    def _run(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        images = [Image.fromarray(pixels) for pixels in batch]
        try:
            given = self._function(images)
        except BaseException as error:
            if not is_breakage(error):
                raise
            raise EmbedderError(
                f"{self._name} raised {type(error).__name__} for {len(batch)} images: {error}; call it with "
                "a list of RGB PIL images to see where"
            ) from error
        output = checked(given, len(batch), self._name)
        if self._shape not in (None, output.shape[1:]):
            raise EmbedderError(
                f"{self._name} gave {output.shape[1:]} numbers an image where it gave {self._shape} before: "
                "return the same shape for every image"
            )
        return output


def load(options: EmbedderOptions) -> Embedder:
    """Entry point of ``callable``."""
    options.refuse_parameters()
    if options.preset:
        raise SettingsError("a function does its own preprocessing; callable takes no preset")
    if options.device != "auto":
        raise SettingsError(
            f"a function computes where it says itself: leave the device at auto, not {options.device}"
        )
    options.require_named("to load it runs the code of a module")
    function, file = _import(options.argument)
    digest = sha256_of(file)
    if options.weights_sha256 not in (None, digest):
        raise EmbedderUnavailable(
            f"{file} has sha256 {digest[:12]}…, but {str(options.weights_sha256)[:12]}… is wanted: a "
            "function that was changed is another embedder, build the index again or restore the file"
        )
    return FunctionEmbedder(function, f"{options.name}:{options.argument}", digest)


def _import(argument: str) -> tuple[Function, Path]:
    name, colon, attribute = argument.partition(":")
    if not (name and colon and attribute):
        raise SettingsError(f"callable:{argument} names no function: write callable:module:function")
    try:
        module, function = import_named(argument)
    except BaseException as error:
        if not is_breakage(error):
            raise
        raise EmbedderUnavailable(
            f"callable:{argument} cannot be imported ({type(error).__name__}: {error}): name an importable "
            "module:function, with its folder on sys.path: the command line looks where it is called and in "
            "PYTHONPATH, pytest in what its ini key pythonpath names"
        ) from error
    if not callable(function):
        raise EmbedderUnavailable(
            f"callable:{argument} is a {type(function).__name__}; expected a function of a list of images"
        )
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        raise EmbedderUnavailable(
            f"the module of callable:{argument} has no file whose sha256 could be pinned: put the function "
            "into a .py file"
        )
    return function, Path(file)
