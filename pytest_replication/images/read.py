"""An image file → its bytes, without waiting for a pipe or filling the memory with what is no image."""

from __future__ import annotations

import stat
from pathlib import Path

MAX_BYTES = 1 << 30
"""Largest file that is read: the largest image that is decoded takes less in every format, uncompressed."""


def read_file(path: Path) -> bytes:
    """Read the encoded bytes of one image.

    Raises:
        OSError: the file cannot be read, is a device or a pipe, or has more than `MAX_BYTES`.
    """
    try:
        status = path.stat()
    except ValueError as error:  # a name with a zero byte
        raise OSError(str(error)) from error
    if not stat.S_ISREG(status.st_mode):  # to open a pipe or to read a device may never end
        raise OSError("not a regular file")
    if fault := too_large(status.st_size):
        raise OSError(fault)
    return path.read_bytes()


def too_large(size: int) -> str | None:
    """Why so many bytes are not read; None where they are."""
    return f"{size:,} bytes are more than {MAX_BYTES:,}" if size > MAX_BYTES else None
