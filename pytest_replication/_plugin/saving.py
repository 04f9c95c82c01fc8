"""Matches and pictures of the checks of a run, a file each, named after the test."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_replication.errors import MatchesFileError, ReplicationError, SettingsError

if TYPE_CHECKING:
    from pytest_replication.index.reader import Index
    from pytest_replication.models.samples import Samples
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

    path = _made(folder, "save", MatchesFileError) / f"{_name(test, number)}.json"
    save_matches(path, verdict)
    return path


def draw_check(
    folder: str, test: str, number: int, verdict: Verdict, samples: Samples, index: Index
) -> Path | None:
    """Draw the closest pairs of one check.

    Args:
        folder: made where there is none.
        test: id of the test, as for `save_check`.
        number: of the check within the test, from 1 on.
        verdict: of the check.
        samples: what was checked.
        index: what it was checked against.

    Returns:
        The file; None where no training image of a pair is at hand.

    Raises:
        SettingsError: it cannot be written.
        ReplicationError: a sample or the index cannot be read any more.
    """
    from pytest_replication.reports.pictures import draw_pictures

    path = _made(folder, "pictures", SettingsError) / f"{_name(test, number)}.png"
    return path if draw_pictures(verdict, samples, index, path) else None


def _made(folder: str, option: str, kind: type[ReplicationError]) -> Path:
    """The folder of an option, made where there is none."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise kind(
            f"the folder {folder} of --replication-{option} cannot be made ({error}): name another one"
        ) from error
    return Path(folder)


def _name(test: str, number: int) -> str:
    """Of a file, without its ending: what can be read of the id, and a digest of all of it."""
    plain = re.sub("[^A-Za-z0-9]+", "-", test)[-_LONGEST:].strip("-")
    digest = hashlib.sha256(test.encode(errors="surrogatepass")).hexdigest()
    return f"{plain}-{digest[:8]}-{number}"
