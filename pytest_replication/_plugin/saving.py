"""Matches of the checks of a run, a file each, named after the test."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_replication.errors import MatchesFileError

if TYPE_CHECKING:
    from pytest_replication.verdicts import Verdict

_LONGEST = 100


def save_check(folder: str, test: str, number: int, verdict: Verdict) -> Path:
    """Keep the matches of one check.

    Args:
        folder: made where there is none.
        test: id of the test; its file has no other test's name, whatever characters ids hold.
        number: of the check within the test, from 1 on.
        verdict: of the check.

    Returns:
        The file.

    Raises:
        MatchesFileError: it cannot be written.
    """
    from pytest_replication.reports.matches_file import save_matches

    plain = re.sub("[^A-Za-z0-9]+", "-", test)[-_LONGEST:].strip("-")
    digest = hashlib.sha256(test.encode(errors="surrogatepass")).hexdigest()
    path = Path(folder) / f"{plain}-{digest[:8]}-{number}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MatchesFileError(
            f"the folder {folder} of --replication-save cannot be made ({error})"
        ) from error
    save_matches(path, verdict)
    return path
