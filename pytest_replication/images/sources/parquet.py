"""Parquet files that hold encoded images: as the datasets library writes them, and img2dataset's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_replication.errors import SourceError
from pytest_replication.images.read import too_large
from pytest_replication.images.sources.base import (
    ImageRef,
    Source,
    digest,
    faulty,
    place,
    printable,
    storable,
)
from pytest_replication.images.sources.files import folder
from pytest_replication.images.sources.tables import CAPTIONS, Table, is_binary, is_plain, is_text, text_of

_BINARY = ("image", "jpg", "jpeg", "png", "webp")
"""Names of plain binary columns that hold encoded images."""


class ParquetSource(Source):
    """Parquet files with columns of encoded images.

    A column is a struct of ``bytes`` and ``path`` (the Hugging Face layout), or binary and named
    ``image``, ``jpg``, ``jpeg``, ``png`` or ``webp`` (img2dataset's, whose failed downloads are listed
    with their reason). Captions and ``label`` are carried along. Rows are read a batch at a time.

    Args:
        files: id and path of each file, in order.
        name: what messages call the source.

    Raises:
        SourceError: a file cannot be read or has no such column.
    """

    def __init__(self, files: Sequence[tuple[str, Path]], name: str) -> None:
        self.name = name
        self._files = [(id_, Table.open(path)) for id_, path in files]
        self._length = sum(table.count * len(image_columns(table)) for _, table in self._files)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ImageRef]:
        for id_, table in self._files:
            yield from _refs(id_, table)


def open_parquet(path: Path) -> ParquetSource:
    """Open a parquet file, or those of a folder and of all folders below it.

    Raises:
        SourceError: there is none, or one that cannot be read or holds no images.
    """
    return ParquetSource(parquet_files(path), f"parquet {path}")


def parquet_files(path: Path) -> list[tuple[str, Path]]:
    """List id and path of a parquet file, or of those of a folder.

    Raises:
        SourceError: there is none.
    """
    if not path.is_dir():
        return [(path.name, path)]
    found = [(id_, file) for id_, file in folder(path).listed if file.suffix == ".parquet"]
    if not found:
        raise SourceError(f"{path} holds no parquet files: name the folder that does")
    return found


def _refs(id_: str, table: Table) -> Iterator[ImageRef]:
    images = image_columns(table)
    caption = table.first_of(CAPTIONS)
    plain = table.plain
    state = ("key", "status", "error_message") if {"key", "status"} <= plain else ()
    leaves = [f"{c}.{field}" for c in images if c not in plain for field in ("bytes", "path")]
    leaves += [c for c in (*images, caption, "label", *state) if c in plain]
    file = place(table.path)
    for number, row in enumerate(table.rows(leaves)):
        texts = text_of(row, caption), text_of(row, "label")
        for column in images:
            part = f"/{column}" if len(images) > 1 else ""
            data, path = _content(row[column])
            inside = path or (row["key"] if state else None)
            uri = printable(f"{file}#{number}{part}{f'/{inside}' if inside else ''}")
            where = printable(f"{id_}#{number}{part}")
            if data and (fault := too_large(len(data))):
                yield faulty(where, uri, fault, "", texts[0])
            elif data:
                yield ImageRef(where, uri, data, digest(data), *texts)
            else:
                yield faulty(where, uri, failure(row) or "the row holds no image bytes", "", texts[0])


def _content(image: Any) -> tuple[bytes, str | None]:
    if isinstance(image, dict):
        return image["bytes"] or b"", image["path"]
    return image or b"", None


def failure(row: dict[str, Any]) -> str | None:
    """Why img2dataset has no image for a row; None where it says ``success`` or nothing."""
    status = row.get("status")
    if status in (None, "success"):
        return None
    reason = f": {row['error_message']}" if row.get("error_message") else ""
    return storable(f"img2dataset: {status}{reason}")


def image_columns(table: Table) -> list[str]:
    """Columns of encoded images, in the order of the schema.

    Raises:
        SourceError: there is none, or one with several images a row.
    """
    kinds = _features(table.schema)
    found = []
    for field in table.schema:
        if kinds.get(field.name, "Image") != "Image":
            continue  # sound has the same columns
        if _is_list_of_images(field.type):
            raise SourceError(
                f"{table.path} has lists of images in its column {field.name}, which are not read: write one "
                "image a row"
            )
        if _is_image(field.type) or (field.name in _BINARY and is_binary(field.type)):
            found.append(str(field.name))
    if not found:
        raise SourceError(
            f"{table.path} has no column image: struct<bytes, path>, as the datasets library writes it, and "
            f"no binary column {', '.join(_BINARY)}"
        )
    return found


def holds_images(table: Table) -> bool:
    """Whether a parquet file holds images, rather than what is known about them."""
    return any(_is_image(f.type) or (f.name in _BINARY and is_binary(f.type)) for f in table.schema)


def _features(schema: Any) -> dict[str, str]:
    """Type of each column where the datasets library wrote it down, lists left out."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: f["_type"] for name, f in features.items() if f["_type"] in ("Image", "Audio", "Video")}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _is_image(kind: Any) -> bool:
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        return False
    fields = {field.name: field.type for field in kind}
    return is_text(fields.get("bytes", kind)) and is_plain(fields.get("path", kind))


def _is_list_of_images(kind: Any) -> bool:
    import pyarrow as pa

    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists) and _is_image(kind.value_type)
