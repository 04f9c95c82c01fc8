"""Check every byte of an index, and of the codes and engines that lie beside it."""

from __future__ import annotations

import os
from dataclasses import replace

from pytest_replication.index.opening import index_as_it_is
from pytest_replication.index.verify import VerifyReport, verify_files
from pytest_replication.search.caches import damages


def verify_index(index: str | os.PathLike[str], *, progress: bool = True) -> VerifyReport:
    """Compare every file with its digest, and check lengths of vectors and numbers of records.

    Codes and engines are looked at too: a damaged one is a fault, though it can be deleted, and so are codes
    that are further from their vectors than they say.

    Args:
        index: folder of the index, which may be damaged or not finished.
        progress: show a progress bar when standard error is a terminal.

    Raises:
        IndexNotFound: there is no index.
        IndexCorrupt: its manifest is damaged.
        IndexVersionUnsupported: it was written in another format.
    """
    found = verify_files(index, progress=progress)
    beside = damages(index_as_it_is(index), sound=not found.faults)
    return replace(found, faults=[*found.faults, *beside])
