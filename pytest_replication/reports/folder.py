"""The folder of a report: results, their pictures, and what is rendered from them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytest_replication.durable import meant_for, replace_file
from pytest_replication.errors import ResultsError, SettingsError
from pytest_replication.reports.html import MARK, html_report, least_budget, require_budget, room_for_pictures
from pytest_replication.reports.markdown import CAP, summary
from pytest_replication.results.file import NAME, Results, write_results
from pytest_replication.results.pictures import FOLDER, Pictures
from pytest_replication.results.private import without_private
from pytest_replication.results.sound import KIND, pairs_of, pictures_of

BUDGET = 20_000_000
"""Bytes that a folder is kept below, unless somebody says another number or results alone take more."""
PAGE = "report.html"
_SUMMARY_NAME = "summary.md"
RENDERED: dict[str, Callable[[Results, int, int], str]] = {
    _SUMMARY_NAME: lambda results, left, budget: summary(results, _room_for_summary(left, budget)),
    PAGE: lambda results, left, budget: html_report(
        results, budget=_room_for_page(left, budget), most=budget, beside=budget - left
    ),
}
"""What is written beside the results: a file, and what makes it of the results, of the bytes that are left
for it and the files after it, and of those that the whole folder may take."""
_SHARE_OF_SUMMARY = 0.1
_SHARE_OF_PAGE = 0.5
_SUMMARY = re.compile(rb"## \S+ Replication: ")
OF_OTHER_TOOLS = ("junit.xml", "replication.sarif", "code-quality.json", "model-card.md")
"""What CI makes of the results, into the same folder."""
_OURS = re.compile(r"[0-9a-f]{32,64}\.webp")
_HEAD = 4096


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
        probe = target / f".written-by-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
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
            _require_ours(target / name)
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
        _require_ours(target / name)
        (target / name).unlink(missing_ok=True)
    results = write_results(target / NAME, data)
    replace_file(target / _SUMMARY_NAME, summary(results).encode(errors="replace"))


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
        _require_ours(folder / name)
    for name in RENDERED:
        (folder / name).unlink(missing_ok=True)
    if path.exists():
        for name in OF_OTHER_TOOLS:
            (folder / name).unlink(missing_ok=True)
        path.unlink()
    for name in _stored(folder):
        (folder / FOLDER / name).unlink()
    for left in [path for path in folder.iterdir() if meant_for(path.name) in (NAME, *RENDERED)]:
        left.unlink(missing_ok=True)


def _require_ours(path: Path) -> None:
    """Refuse to write over what no report has written: other tools have pages of that name, too."""
    if path.exists() and not _is_ours(path):
        what = "no file of results" if path.name == NAME else "of no report of this package"
        raise SettingsError(f"{path} is {what}: name another folder for the report")


def _is_ours(path: Path) -> bool:
    """Whether a file begins as those of a report do; an empty one is nobody's."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if path.name == NAME:
        return json.dumps(KIND).encode() in head
    mark = MARK in head if path.suffix == ".html" else _SUMMARY.match(head) is not None
    return mark or not head


def _stored(folder: Path) -> list[str]:
    """Files in the folder of pictures that are named as ours are, also those of a writer that was killed."""
    place = folder / FOLDER
    names = [path.name for path in place.iterdir()] if place.is_dir() else []
    return [name for name in names if _OURS.fullmatch(meant_for(name) or name)]


def _keep_named(folder: Path, data: Mapping[str, Any]) -> int:
    """Delete pictures that no check names, as a worker that died has left them; bytes of the others."""
    named = {path for check in data["checks"] for pair in pairs_of(check) for path in pictures_of(pair)}
    used = 0
    for name in _stored(folder):
        path = folder / FOLDER / name
        if f"{FOLDER}/{name}" in named:
            used += path.stat().st_size
        else:
            path.unlink()
    return used
