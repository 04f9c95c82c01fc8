"""Training sets as streams of `ImageRef`: files, archives, tables, arrays, memory.

A source lists every image once, always in the same order, with an id that stays the same from
run to run. Listing must be cheap: the bytes are read later, by the threads that decode.
"""

from pytest_replication.images.sources.base import FileSlice, ImageRef, Listing, Source
from pytest_replication.images.sources.detect import KINDS, open_source
from pytest_replication.images.sources.files import FileSource, file_list, folder, paths
from pytest_replication.images.sources.memory import MemorySource
from pytest_replication.images.sources.parquet import ParquetSource

__all__ = [
    "KINDS",
    "FileSlice",
    "FileSource",
    "ImageRef",
    "Listing",
    "MemorySource",
    "ParquetSource",
    "Source",
    "file_list",
    "folder",
    "open_source",
    "paths",
]
