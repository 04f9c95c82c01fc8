"""Data sets that torchvision knows, as they lie on disk. Nothing is downloaded or unpacked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.arrays import check_shape, images_a_block, refs
from pytest_replication.images.sources.base import ImageRef, Source, exists, place
from pytest_replication.images.sources.files import file_ref


@dataclass(frozen=True, slots=True)
class _Kind:
    """A data set: its splits, the training split first, and the files that it is made of."""

    splits: tuple[str, ...]
    files: str
    options: Callable[[str], dict[str, Any]]


def _by_split(split: str) -> dict[str, Any]:
    return {"split": split, "download": False}


def _by_train(split: str) -> dict[str, Any]:
    return {"train": split == "train", "download": False}


def _raw(name: str) -> str:
    return (
        f"{name}/raw/train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
        "t10k-labels-idx1-ubyte"
    )


_KINDS = {
    "Flowers102": _Kind(
        ("train", "val", "test"),
        "flowers-102/jpg/image_00001.jpg and so on, flowers-102/imagelabels.mat and flowers-102/setid.mat",
        _by_split,
    ),
    "CelebA": _Kind(
        ("train", "valid", "test"),
        "celeba/img_align_celeba/000001.jpg and so on, and in celeba/ list_attr_celeba.txt, "
        "identity_CelebA.txt, list_bbox_celeba.txt, list_landmarks_align_celeba.txt and "
        "list_eval_partition.txt",
        lambda split: {"split": split, "target_type": "identity", "download": False},
    ),
    "ImageNet": _Kind(
        ("train", "val"),
        "meta.bin and train/n01440764/….JPEG, or val/n01440764/….JPEG, as torchvision unpacks them",
        lambda split: {"split": split},
    ),
    "ImageFolder": _Kind(("all",), "a folder of images for each class", lambda _: {}),
    "CIFAR10": _Kind(
        ("train", "test"),
        "cifar-10-batches-py/ with data_batch_1 to 5, test_batch and batches.meta",
        _by_train,
    ),
    "CIFAR100": _Kind(("train", "test"), "cifar-100-python/ with train, test and meta", _by_train),
    "FashionMNIST": _Kind(("train", "test"), _raw("FashionMNIST"), _by_train),
    "MNIST": _Kind(("train", "test"), _raw("MNIST"), _by_train),
}


class TorchvisionSource(Source):
    """Splits of a data set of torchvision: the files as they are, or the pixels of its arrays.

    Args:
        name: name of its class in ``torchvision.datasets``.
        root: the folder that this class is given.
        split: one of its splits, ``all``, or None for the training split.

    Raises:
        SourceError: it is not known, has no such split, or its files are missing or damaged.
    """

    def __init__(self, name: str, root: Path, split: str | None = None) -> None:
        kind = _KINDS.get(name)
        if kind is None:
            raise SourceError(f"torchvision:{name} is not known: name one of {', '.join(_KINDS)}")
        if split not in (None, "all", *kind.splits):
            raise SourceError(f"{name} has no split {split}: it has {', '.join(kind.splits)}, and all")
        self.name = f"torchvision {name} {root} {split or kind.splits[0]}"
        self._root = root
        self._uri = f"torchvision:{name}:{place(root)}"
        splits = kind.splits if split == "all" else (split or kind.splits[0],)
        self._parts = [(each, _load(name, kind, root, each)) for each in splits]

    def __len__(self) -> int:
        return sum(len(part.labels) for _, part in self._parts)

    def __iter__(self) -> Iterator[ImageRef]:
        for split, part in self._parts:
            if part.pixels is not None:
                yield from refs(_blocks(part.pixels), split, f"{self._uri}:{split}", "data set", part.labels)
                continue
            for path, label in zip(part.files, part.labels, strict=True):
                id_ = Path(os.path.relpath(path, self._root)).as_posix()
                yield file_ref(id_, Path(path), label=label)


def open_torchvision(rest: str) -> TorchvisionSource:
    """Open ``NAME:ROOT`` or ``NAME:ROOT:SPLIT``.

    Raises:
        SourceError: as `TorchvisionSource`.
    """
    name, _, place = rest.partition(":")
    root, colon, split = place.rpartition(":")
    if exists(place) or not colon:
        root, split = place, ""
    return TorchvisionSource(name, Path(root), split or None)


@dataclass(frozen=True, slots=True)
class _Part:
    """One split: files or pixels (n, h, w) or (n, h, w, 3), and a label an image."""

    files: Sequence[str]
    pixels: Any
    labels: Sequence[str]


def _load(name: str, kind: _Kind, root: Path, split: str) -> _Part:
    try:
        from torchvision import datasets
    except ImportError as error:
        raise SourceError(
            f"torchvision:{name} needs torchvision ({error}): pip install 'pytest-replication[torch]'"
        ) from error
    if name == "ImageNet":
        _check_unpacked(root, split, kind)
    try:
        found = getattr(datasets, name)(str(root), **kind.options(split))
        part = _part(found)
    except Exception as error:  # torchvision and its parsers raise many kinds
        raise _damaged(name, kind, root, error) from error
    count = len(part.files) if part.pixels is None else len(part.pixels)
    if len(part.labels) != count:
        raise SourceError(
            f"{name} in {root} has {count} images and {len(part.labels)} labels: fetch it again"
        )
    if part.pixels is not None:
        check_shape(part.pixels.shape, part.pixels.dtype, f"{name} in {root}")
    return part


def _part(found: Any) -> _Part:
    """Take what the classes of torchvision have read."""
    names = [" / ".join(n) if isinstance(n, tuple) else str(n) for n in getattr(found, "classes", [])]

    def texts(numbers: Any) -> list[str]:
        return [names[int(n)] if 0 <= int(n) < len(names) else str(int(n)) for n in numbers]

    if hasattr(found, "_image_files"):  # Flowers102
        return _Part([str(path) for path in found._image_files], None, texts(found._labels))
    if hasattr(found, "samples"):  # ImageNet, ImageFolder
        return _Part([path for path, _ in found.samples], None, texts(number for _, number in found.samples))
    if hasattr(found, "identity"):  # CelebA
        base = os.path.join(found.root, found.base_folder, "img_align_celeba")
        return _Part([os.path.join(base, n) for n in found.filename], None, texts(found.identity.flatten()))
    pixels = found.data.numpy() if hasattr(found.data, "numpy") else found.data
    return _Part([], pixels, texts(found.targets))


def _check_unpacked(root: Path, split: str, kind: _Kind) -> None:
    """Refuse what torchvision would unpack by itself, into the folder of the training set."""
    for part in ("meta.bin", split):
        if not (root / part).exists():
            raise SourceError(f"ImageNet in {root} has no {part}: expected {kind.files}, below that folder")


def _damaged(name: str, kind: _Kind, root: Path, error: Exception) -> SourceError:
    reason = " ".join(str(error).split()).partition(" You can use download=True")[0].rstrip(".")
    return SourceError(
        f"{name} in {root} cannot be used ({reason or type(error).__name__}): expected {kind.files}, below "
        "that folder"
    )


def _blocks(pixels: Any) -> Iterator[Any]:
    step = images_a_block(pixels.shape, pixels.dtype.itemsize)
    for first in range(0, len(pixels), step):
        yield pixels[first : first + step]
