"""Training sets as streams of `ImageRef`: folders, lists of files, parquet files, memory.

A source lists every image once, always in the same order, with an id that stays the same from
run to run. Listing must be cheap: the bytes are read later, by the threads that decode.
"""

from __future__ import annotations

import hashlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication.errors import SourceError
from pytest_replication.images.memory import UnusableImages, images_in_memory

_COMPANIONS = frozenset(
    {".txt", ".json", ".jsonl", ".csv", ".tsv", ".md", ".xml", ".yaml", ".yml", ".db", ".html", ".py"}
)
"""Files that stand beside images without being images. Every other file has to be readable."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One image of a source, not read yet.

    Attributes:
        id: names the image within its source, the same in every run.
        uri: where a person finds it.
        content: its path, or its encoded bytes where the source had to read them anyway.
        version: changes when the content does: size and time of last change of a file, digest of
            bytes.
        caption: text that belongs to it.
        label: class that it belongs to.
        fault: why it cannot be read, where the source knows that already; it becomes a rejected row.
    """

    id: str
    uri: str
    content: Path | bytes
    version: str
    caption: str | None = None
    label: str | None = None
    fault: str | None = None

    def read(self) -> bytes:
        """Read the encoded bytes.

        Raises:
            OSError: the file cannot be read.
        """
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


class Source(ABC):
    """A training set: iterate over it for its images."""

    name: str
    """What the manifest and messages call it."""

    counted: bool = True
    """Whether the length is exact; else it is an estimate, for the progress bar."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of images that are listed, readable or not."""

    @abstractmethod
    def __iter__(self) -> Iterator[ImageRef]:
        """List the images, in the same order every time."""


class FileSource(Source):
    """Image files on disk: those of a folder, or those of a list.

    Args:
        files: id and path of each image, in order.
        name: what messages call the source.
    """

    def __init__(self, files: Sequence[tuple[str, Path]], name: str) -> None:
        self.listed = files
        self.name = name

    def __len__(self) -> int:
        return len(self.listed)

    def __iter__(self) -> Iterator[ImageRef]:
        for id_, path in self.listed:
            try:
                stat = path.stat()
                version = f"{stat.st_size} {stat.st_mtime_ns}"
            except OSError:
                version = "missing"  # listed all the same: it becomes a rejected row with its reason
            yield ImageRef(_printable(id_), _printable(path.absolute()), path, version)


def folder(path: Path) -> FileSource:
    """List a folder and all folders below it, sorted by relative path.

    Dot files and text companions (captions, metadata) are passed over; every other file counts
    as a training image, so that a format that cannot be read is reported, not silently absent.

    Raises:
        SourceError: the folder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise SourceError(f"{error.filename} cannot be listed: {error.strerror}") from error

    found: list[tuple[str, Path]] = []
    walked: set[str] = set()
    for parent, directories, names in os.walk(path, onerror=fail, followlinks=True):
        if (real := os.path.realpath(parent)) in walked:  # a link back up the tree
            directories.clear()
            continue
        walked.add(real)
        directories[:] = sorted(d for d in directories if not d.startswith("."))
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() not in _COMPANIONS:
                file = Path(parent, name)
                found.append((file.relative_to(path).as_posix(), file))
    return FileSource(sorted(found), name=f"folder {path}")


def file_list(path: Path) -> FileSource:
    """Read a text file that names one image a line, relative to the text file's own folder.

    Raises:
        SourceError: the file cannot be read, or names an image twice.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read as a list of files: {error}") from error
    files = [(line, path.parent / line) for line in lines if line]
    return FileSource(_distinct(files, path), name=f"list {path}")


def paths(given: Sequence[str | os.PathLike[str]]) -> FileSource:
    """Take a list of paths as they are.

    Raises:
        SourceError: a path is listed twice.
    """
    files = [(Path(path).as_posix(), Path(path)) for path in given]
    return FileSource(_distinct(files, "the list of paths"), name=f"{len(files)} paths")


class ParquetSource(Source):
    """Parquet files with an image column in the Hugging Face layout.

    The column is a struct of ``bytes`` and ``path``; ``text`` or ``caption`` and ``label`` are
    carried along where they exist. Rows are read a batch at a time.

    Raises:
        SourceError: a file cannot be read or has no such column.
    """

    _BATCH = 64

    def __init__(self, files: Sequence[tuple[str, Path]], name: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.name = name
        self._files = files
        self._rows = 0
        for _, file in files:
            try:
                with pq.ParquetFile(file) as parquet:
                    _image_column(parquet.schema_arrow, file)
                    self._rows += parquet.metadata.num_rows
            except (OSError, ValueError, pa.ArrowException) as error:
                raise SourceError(f"{file} cannot be read as parquet: {error}") from error

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[ImageRef]:
        import pyarrow as pa

        for id_, file in self._files:
            try:
                yield from self._refs_of(id_, file)
            except (OSError, ValueError, pa.ArrowException) as error:
                raise SourceError(f"{file} is damaged: {error}; fetch it again") from error

    def _refs_of(self, id_: str, file: Path) -> Iterator[ImageRef]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(file) as parquet:
            schema = parquet.schema_arrow
            image = _image_column(schema, file)
            caption = next((c for c in ("text", "caption") if c in schema.names), None)
            label = "label" if "label" in schema.names else None
            columns = [c for c in (image, caption, label) if c]
            number = 0
            for batch in parquet.iter_batches(batch_size=self._BATCH, columns=columns):
                for row in batch.to_pylist():
                    yield _parquet_ref(f"{id_}#{number}", file, row[image], row.get(caption), row.get(label))
                    number += 1


class MemorySource(Source):
    """Images in memory, in one of the forms of `images_in_memory`.

    Raises:
        SourceError: they are in another form.
    """

    def __init__(self, given: object) -> None:
        try:
            self._images = images_in_memory(given)
        except UnusableImages as error:
            raise SourceError(f"no training images: {error}") from error
        self.name = f"{len(self._images)} images in memory"

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[ImageRef]:
        for number, image in enumerate(self._images):
            encoded = io.BytesIO()
            image.save(encoded, "PNG", compress_level=1)
            data = encoded.getvalue()
            yield ImageRef(f"{number:06d}", f"memory:{number}", data, _digest(data))


def open_source(given: object) -> Source:
    """Find the source that fits what was given.

    Args:
        given: a folder of images (or of parquet files only), a ``.txt`` list, a ``.parquet``
            file, a list of paths, images in memory, or a `Source`.

    Raises:
        SourceError: nothing fits, or there are no images.
    """
    source = _detect(given)
    if len(source) == 0:
        raise SourceError(f"{source.name} holds no images: an index of nothing would pass any model")
    return source


class Listing:
    """Digest of the ids and versions of images as they are listed: is a source still the same?

    Attributes:
        count: images so far.
        first: id of the first, empty while there is none.
        last: id of the last.
    """

    def __init__(self) -> None:
        self.count, self.first, self.last = 0, "", ""
        self._digest = hashlib.sha256()

    def watch(self, refs: Iterable[ImageRef]) -> Iterator[ImageRef]:
        """Pass images on and take note of them."""
        for ref in refs:
            self.first = self.first or ref.id
            self.last = ref.id
            self.count += 1
            self._digest.update(f"{ref.id}\0{ref.version}\0".encode())
            yield ref

    @property
    def digest(self) -> str:
        """Digest of all images so far."""
        return self._digest.hexdigest()


def _detect(given: object) -> Source:
    if isinstance(given, Source):
        return given
    if isinstance(given, (str, os.PathLike)):
        return _detect_path(Path(given))
    if _is_paths(given):
        return paths(given)  # type: ignore[arg-type]
    return MemorySource(given)


def _is_paths(given: object) -> bool:
    return (
        isinstance(given, Sequence)
        and not isinstance(given, bytes)
        and len(given) > 0
        and all(isinstance(item, (str, os.PathLike)) for item in given)
    )


def _detect_path(path: Path) -> Source:
    if path.is_dir():
        files = folder(path)
        parquet = [(id_, file) for id_, file in files.listed if file.suffix == ".parquet"]
        if not parquet:
            return files
        if len(parquet) < len(files):
            other = next(id_ for id_, file in files.listed if file.suffix != ".parquet")
            raise SourceError(
                f"{path} holds parquet files and other files ({other}, …): name one of the two kinds, "
                "or move them apart"
            )
        return ParquetSource(parquet, name=f"parquet {path}")
    if not path.exists():
        raise SourceError(f"{path} does not exist: name a folder of images, a .txt list or a .parquet file")
    if path.suffix == ".parquet":
        return ParquetSource([(path.name, path)], name=f"parquet {path}")
    if path.suffix == ".txt":
        return file_list(path)
    raise SourceError(
        f"{path} is a {path.suffix or 'plain'} file: name a folder, a .txt list or a .parquet file"
    )


def _distinct(files: list[tuple[str, Path]], where: object) -> list[tuple[str, Path]]:
    seen: set[str] = set()
    for id_, _ in files:
        if id_ in seen:
            raise SourceError(f"{where} names {id_} twice: remove one of the two")
        seen.add(id_)
    return files


def _image_column(schema: Any, file: Path) -> str:
    import pyarrow as pa

    for field in schema:
        if pa.types.is_struct(field.type) and {"bytes", "path"} <= {f.name for f in field.type}:
            return str(field.name)
    raise SourceError(f"{file} has no column image: struct<bytes, path>, as the datasets library writes it")


def _parquet_ref(id_: str, file: Path, image: Any, caption: Any, label: Any) -> ImageRef:
    image = image or {}
    data = image.get("bytes") or b""  # empty bytes become a rejected row
    row = id_.rpartition("#")[2]
    inside = f"/{image['path']}" if image.get("path") else ""
    return ImageRef(
        id=_printable(id_),
        uri=f"{_printable(file.absolute())}#{row}{inside}",
        content=data,
        version=_digest(data),
        caption=None if caption is None else str(caption),
        label=None if label is None else str(label),
    )


def _printable(path: object) -> str:
    """A path as text that can be stored, also where its name is not valid in any encoding."""
    return os.fsencode(str(path)).decode("utf-8", "backslashreplace")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
