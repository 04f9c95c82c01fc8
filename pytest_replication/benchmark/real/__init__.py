"""Published retrieval sets, read from the files that their authors give out."""

from pytest_replication.benchmark.real.registry import REAL_SETS, open_real_set, real_set_names

__all__ = ["REAL_SETS", "open_real_set", "real_set_names"]
