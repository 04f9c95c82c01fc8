"""The training set on disk: built once, opened memory-mapped, never silently incomplete."""

from pytest_replication.index.build import BuildOptions, BuildReport, build_index
from pytest_replication.index.opening import open_index
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import Record

__all__ = ["BuildOptions", "BuildReport", "Index", "Record", "build_index", "open_index"]
