"""The folder of a report: results, their pictures, and what is rendered from them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from pytest_replication.durable import meant_for, replace_file
from pytest_replication.errors import ResultsError, SettingsError
from pytest_replication.reports.html import html_report, least_budget, require_budget, room_for_pictures
from pytest_replication.reports.markdown import CAP, summary
from pytest_replication.reports.own_files import OF_CI, PAGE, SUMMARY, is_ours, own_pictures, require_ours
from pytest_replication.results.file import NAME, Results, write_results
from pytest_replication.results.pictures import FOLDER, Pictures
from pytest_replication.results.private import without_private
from pytest_replication.results.sound import pairs_of, pictures_of

BUDGET = 20_000_000
"""Bytes that a folder is kept below, unless somebody says another number or results alone take more."""
RENDERED: dict[str, Callable[[Results, int, int], str]] = {
    SUMMARY: lambda results, left, budget: summary(results, _room_for_summary(left, budget)),
    PAGE: lambda results, left, budget: html_report(
        results, budget=_room_for_page(left, budget), most=budget, beside=budget - left
    ),
}
"""What is written beside the results: a file, and what makes it of the results, of the bytes that are left
for it and the files after it, and of those that the whole folder may take."""
_SHARE_OF_SUMMARY = 0.1
_SHARE_OF_PAGE = 0.5


def begin_report(folder: str | os.PathLike[str], budget: int = BUDGET) -> None:
    """Make the folder, and take what an earlier run has written out of it.

    A run that dies must not leave the report of another one behind.

    Raises:
        SettingsError: it cannot be written to, holds a file of the name of the results, of the page or of the
            summary that is somebody else's, or the budget is too small for any report.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        _clear(target)
        with TemporaryFile(dir=target):
            pass
    except OSError as error:
        raise SettingsError(
            f"a report cannot be written to {target} ({error}): name another folder"
        ) from error
    require_budget(budget)


def pictures_for(folder: str | os.PathLike[str], budget: int) -> Pictures:
    """Where a process stores pictures of a report, which leave room for the least page.

    Raises:
        OSError: the folder cannot be written to.
    """
    return Pictures(Path(folder), room_for_pictures(budget))


def write_report(
    folder: str | os.PathLike[str], data: Mapping[str, Any], *, budget: int = BUDGET, private: bool = False
) -> Results:
    """Write the results of a run, and then what is rendered from them.

    Args:
        folder: as `begin_report` left it, with the pictures that checks have stored since.
        data: what `pytest_replication.results.assembled.assemble` gives.
        budget: bytes that all of it is kept below; pages tell what they leave out for it. Results are whole
            all the same, and the summary has a tenth of it at least. Where that leaves too little for the
            least page, the page has half of it, the folder is larger, and the page says so.
        private: leave names, captions and pictures out.

    Raises:
        ResultsError: it cannot be written.
        SettingsError: the page has too little room, or a file of its name is somebody else's.
    """
    target = Path(folder)
    if private:
        data = without_private(data)
    try:
        used = _keep_named(target, data)
        results = write_results(target / NAME, data)
        left = budget - used - results.path.stat().st_size
        for name, render in RENDERED.items():
            require_ours(target / name)
            content = render(results, left, budget).encode(errors="replace")
            replace_file(target / name, content)
            left -= len(content)
    except OSError as error:
        raise ResultsError(
            f"a report cannot be written to {target} ({error}): name another folder"
        ) from error
    return results


def write_unfinished(folder: str | os.PathLike[str], data: Mapping[str, Any]) -> None:
    """Leave results and a summary of a run whose report could not be written whole, and no page of it.

    Args:
        folder: as `write_report` left it.
        data: as there, with the fault; private already where that is wanted.

    Raises:
        OSError: it cannot be written.
        ResultsError: likewise.
        SettingsError: a file of such a name is somebody else's.
    """
    target = Path(folder)
    for name in (*RENDERED, NAME):
        require_ours(target / name)
        (target / name).unlink(missing_ok=True)
    results = write_results(target / NAME, data)
    replace_file(target / SUMMARY, summary(results).encode(errors="replace"))


def _room_for_summary(left: int, budget: int) -> int:
    """Bytes of a summary: it leaves the page its share, and has its own whatever there is beside it."""
    return min(CAP, max(left - int(budget * _SHARE_OF_PAGE), int(budget * _SHARE_OF_SUMMARY)))


def _room_for_page(left: int, budget: int) -> int:
    """Bytes of a page: what is left, as long as a page fits in that.

    Where it does not, the budget cannot be kept any more. Then the page has its share: those of the worst
    models, whose results take most, are not to tell least.
    """
    return left if left >= least_budget() else max(left, int(budget * _SHARE_OF_PAGE))


def _clear(folder: Path) -> None:
    path = folder / NAME
    for name in (NAME, *RENDERED):
        require_ours(folder / name)
    pictures = list(own_pictures(folder))
    for name in RENDERED:
        (folder / name).unlink(missing_ok=True)
    if path.exists():
        for name in OF_CI:
            if (folder / name).is_file() and is_ours(folder / name):
                (folder / name).unlink()
        path.unlink()
    for picture in pictures:
        picture.unlink()
    for left in [path for path in folder.iterdir() if meant_for(path.name) in (NAME, *RENDERED)]:
        left.unlink(missing_ok=True)


def _keep_named(folder: Path, data: Mapping[str, Any]) -> int:
    """Delete pictures that no check names, as a worker that died has left them; bytes of the others."""
    named = {path for check in data["checks"] for pair in pairs_of(check) for path in pictures_of(pair)}
    used = 0
    for path in own_pictures(folder):
        if f"{FOLDER}/{path.name}" in named:
            used += path.stat().st_size
        else:
            path.unlink()
    return used
