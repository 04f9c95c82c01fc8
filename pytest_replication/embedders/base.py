"""What every embedder is: an identity, a step a thread can do alone, and a step for a batch."""

from __future__ import annotations

import hashlib
import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.errors import EmbedderError, EmbedderUnavailable, SettingsError
from pytest_replication.escape import one_line

Prepared = NDArray[Any]
"""One image, resized and laid out as the network wants it."""


@dataclass(frozen=True, slots=True)
class EmbedderSpec:
    """The identity of an embedder: what an index pins and a sample must be embedded with.

    Attributes:
        name: registry name, with the model where the name covers several.
        dim: length of a vector.
        weights_sha256: digest of the weights file, None for an embedder without weights.
        preprocessing: everything that happens between the decoded image and the network.
        location: what to load it with again on this machine. Not part of the identity.
        preset: name of the preprocessing preset, None for an embedder without presets. Not part
            of the identity either: `preprocessing` spells it out.
    """

    name: str
    dim: int
    weights_sha256: str | None
    preprocessing: str
    location: str = field(compare=False)
    preset: str | None = field(default=None, compare=False)

    def differences(self, other: EmbedderSpec) -> list[str]:
        """Name what sets another embedder apart, both sides of each difference."""
        return [
            f"{what} {mine!r} against {theirs!r}"
            for what, mine, theirs in (
                ("name", self.name, other.name),
                ("dim", self.dim, other.dim),
                ("weights sha256", self.weights_sha256, other.weights_sha256),
                ("preprocessing", self.preprocessing, other.preprocessing),
            )
            if mine != theirs
        ]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A score from which on a sample counts as replicated, and where the number comes from."""

    value: float
    source: str


DEVICES = "auto, cpu, mps, cuda or cuda:N"
"""Where networks may run, as options tell it: ``mps`` is the GPU of a Mac, ``auto`` is CUDA or the CPU."""


@dataclass(frozen=True, slots=True)
class EmbedderOptions:
    """What the caller wants of an embedder.

    Attributes:
        argument: what follows the registry name and a colon, such as a path; empty if nothing.
        preset: name of a preprocessing preset, None for the embedder's own.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        weights_sha256: the digest that the weights must have, None if any will do.
        name: the registry name that was asked for, so that one factory can serve several.
        parameters: what follows the registry name and a question mark, as ``layer=2&pool=gem``.
        named: the user named it; False where a file such as the manifest of an index did, for which no code
            is run and nothing is fetched but what open_clip publishes.
    """

    argument: str = ""
    preset: str | None = None
    device: str = "auto"
    weights_sha256: str | None = None
    name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    named: bool = True

    @property
    def written(self) -> str:
        """The whole name, as `registry.load_embedder` takes it."""
        query = "&".join(f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.name}{'?' * bool(query)}{query}{':' * bool(self.argument)}{self.argument}"

    def require_named(self, why: str) -> None:
        """For embedders that are programs: nothing is executed from data.

        Args:
            why: what would happen, as ``it runs code``.

        Raises:
            EmbedderUnavailable: it was not the user who named it.
        """
        if not self.named:
            name = shlex.quote(one_line(self.written))
            raise EmbedderUnavailable(
                f"{why}, and only the index names it: where you trust it, name it yourself with "
                f"--replication-embedder {name} to pytest, --embedder {name} to pytest-replication, or "
                "embedder= in Python"
            )

    def refuse_parameters(self) -> None:
        """For embedders that take none.

        Raises:
            SettingsError: there are some.
        """
        if self.parameters:
            raise SettingsError(
                f"the embedder {self.name} takes no parameters, not {', '.join(self.parameters)}"
            )


class Embedder(ABC):
    """Base of all embedders; a new one implements `prepare` and `forward`.

    Attributes:
        spec: its identity.
        default_threshold: a documented threshold, None where none can be vouched for.
        undocumented: why there is none, where other weights of the embedder have one; empty otherwise.
        batch_size: number of images that `embed` is best given at once.
        drift: largest 1 - cosine by which the embedding of one image may differ between two
            machines or batch sizes.
        token_shape: number of chunks that `tokens` gives for one image, and length of a chunk; None
            for an embedder that sees an image as a whole only.
        hides_tokens: whether the network has tokens, and its preset gives images of several shapes, which
            have none in common.
        bits: whether its vectors are made of bits. Slices of these tie, so that none are compared.
    """

    spec: EmbedderSpec
    default_threshold: Threshold | None = None
    undocumented: str = ""
    batch_size: int = 8
    drift: float = 1e-4
    token_shape: tuple[int, int] | None = None
    hides_tokens: bool = False
    bits: bool = False

    @abstractmethod
    def prepare(self, image: Image.Image) -> Prepared:
        """Resize and lay out one upright RGB image; called from several threads at once."""

    @abstractmethod
    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Run the network over prepared images: (n, dim), of any length above zero."""

    def tokens(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Describe the parts of prepared images: (n, chunks, length), in a fixed order, not normalised.

        The tokens of a transformer after its final norm, the class token first; the cells of a
        convolution map, row by row.

        Raises:
            EmbedderError: this embedder has none.
        """
        raise EmbedderError(
            f"{self.spec.name} describes an image by one vector, it has no tokens: cut the vector into "
            "equal slices, or take a transformer or a convolution map"
        )

    def forward_with_tokens(
        self, batch: Sequence[Prepared]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What `forward` and `tokens` give; for embedders that have both from one run of the network."""
        return self.forward(batch), self.tokens(batch)

    def embed_with_tokens(self, batch: Sequence[Prepared]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embed prepared images as a whole and in parts.

        Args:
            batch: what `prepare` returned, at least one.

        Returns:
            (n, dim) float32 unit rows, and (n, chunks, length) float32 tokens, not normalised.

        Raises:
            EmbedderError: a wrong shape, or numbers that are not finite; or it has no tokens.
        """
        rows, found = self.forward_with_tokens(batch)
        tokens = np.asarray(found, np.float32)
        if self.token_shape is None or tokens.shape != (len(batch), *self.token_shape):
            raise EmbedderError(
                f"{self.spec.name} gave tokens of shape {tokens.shape} for {len(batch)} images; expected "
                f"{(len(batch), *(self.token_shape or ()))}"
            )
        if not np.isfinite(tokens).all():
            raise EmbedderError(
                f"{self.spec.name} gave tokens that are not finite; its weights are damaged or it was given "
                "pixels outside its range"
            )
        return self._unit(rows, len(batch)), tokens

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Embed prepared images.

        Args:
            batch: what `prepare` returned, at least one.

        Returns:
            (n, dim) float32, each row of unit length.

        Raises:
            EmbedderError: a wrong shape, or vectors that are not finite or have no direction.
        """
        return self._unit(self.forward(batch), len(batch))

    def _unit(self, given: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        rows = np.asarray(given, dtype=np.float32)
        if rows.shape != (count, self.spec.dim):
            raise EmbedderError(
                f"{self.spec.name} gave an array of shape {rows.shape} for {count} images; "
                f"expected ({count}, {self.spec.dim})"
            )
        norms = np.linalg.norm(rows.astype(np.float64), axis=1)
        if not np.isfinite(norms).all() or norms.min(initial=1.0) < 1e-12:
            raise EmbedderError(
                f"{self.spec.name} gave a vector that is zero or not finite; its weights are "
                "damaged or it was given pixels outside its range"
            )
        unit: NDArray[np.float32] = (rows / norms[:, None]).astype(np.float32)
        return unit


def require_cpu(device: str, what: str) -> None:
    """Refuse a device that would be ignored.

    Raises:
        EmbedderUnavailable: the device is not the CPU.
    """
    if device not in ("auto", "cpu"):
        raise EmbedderUnavailable(f"{what} runs on the CPU only: leave the device at auto, not {device}")


WORKERS = "PYTEST_REPLICATION_WORKERS"
"""Environment variable with which a build tells its worker processes how many share the cores."""


def threads() -> int:
    """Number of threads an embedder may use: the cores, shared among the processes of one run."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) * int(os.environ.get(WORKERS, "1"))
    return max(1, cores // workers)


def sha256_of(path: Path) -> str:
    """Digest of a weights file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
