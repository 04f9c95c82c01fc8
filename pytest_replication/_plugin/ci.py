"""What CI is told without being asked: properties of tests, the step summary and annotations of GitHub."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_replication._plugin.settings.resolved import Settings

if TYPE_CHECKING:
    from pytest_replication.results import Results

_OURS: pytest.StashKey[list[tuple[str, object]]] = pytest.StashKey()
_CHECKS: pytest.StashKey[int] = pytest.StashKey()
_ANNOTATES_FAILURES = "pytest_github_actions_annotate_failures"
"""A plugin that writes an error for each failed test, with the message that we would write."""
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:-]+/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/actions/runs/[0-9]+")


def wants(settings: Settings, part: str) -> bool:
    """Whether a part is wanted: ``summary``, ``annotations`` or ``properties``."""
    value: str = settings.value("ci")
    return value == "auto" or part in value.split(",")


def tells(settings: Settings) -> bool:
    """Whether this run is one that GitHub Actions is told of."""
    return _summary_file(settings) is not None or _annotates(settings)


def forget_properties(item: pytest.Item) -> None:
    """Take back the properties of an earlier run of a test, which begins again."""
    if ours := item.stash.get(_OURS, []):
        item.user_properties[:] = [each for each in item.user_properties if each not in ours]
    item.stash[_OURS], item.stash[_CHECKS] = [], 0


def add_properties(settings: Settings, item: pytest.Item, row: Mapping[str, Any]) -> None:
    """Put a check on its test as ``record_property`` does: ``--junitxml`` and others write them down."""
    if not wants(settings, "properties"):
        return
    from pytest_replication.reports.properties import properties

    number = item.stash[_CHECKS] = item.stash.get(_CHECKS, 0) + 1
    told: list[tuple[str, object]] = list(
        properties(row, number, private=settings.value("report-private")).items()
    )
    item.user_properties += told
    item.stash.setdefault(_OURS, []).extend(told)


def place_of(item: pytest.Item) -> dict[str, Any]:
    """File and line of a test, as results have them."""
    try:
        file = item.path.relative_to(item.config.rootpath).as_posix()
    except ValueError:  # a test outside the root: no place in a repository
        file = ""
    if item.path.is_dir():  # ready tests stand in no file: what asks for them is in the ini file, if anywhere
        return _place_of_settings(item.config)
    line = item.location[1]
    return {"test_file": file, "test_line": 1 if line is None else line + 1}


def _place_of_settings(config: pytest.Config) -> dict[str, Any]:
    """The ini file and the first line of it that is about this plugin; no file where there is none."""
    path = config.inipath
    if path is None or not path.is_relative_to(config.rootpath):
        return {"test_file": "", "test_line": 1}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    ours = (number for number, line in enumerate(lines, 1) if line.lstrip().startswith("replication_"))
    return {"test_file": path.relative_to(config.rootpath).as_posix(), "test_line": next(ours, 1)}


def write_summary(settings: Settings, results: Results) -> str:
    """Append to the summary of the step, as far as it may grow.

    Returns:
        What people should know of that; empty for nothing.
    """
    if (file := _summary_file(settings)) is None:
        return ""
    from pytest_replication.reports.markdown import CAP, summary

    try:
        there = file.stat().st_size if file.exists() else 0
        text = summary(results, CAP - there - 2, _artefacts())
        if not text:
            return f"the summary of the step has {there:,} bytes already: nothing was added to it"
        with file.open("a", encoding="utf-8", newline="\n") as opened:
            opened.write("\n\n" * bool(there) + text)
    except OSError as error:
        return f"the summary of the step cannot be written ({error})"
    return ""


def annotations_of(settings: Settings, config: pytest.Config, results: Results) -> list[str]:
    """The annotations of a run, lines to be printed; none outside GitHub Actions."""
    if not _annotates(settings):
        return []
    from pytest_replication.reports.annotations import workflow_commands

    whole = Path(os.environ.get("GITHUB_WORKSPACE") or config.rootpath)

    def place(file: str) -> str:
        try:
            return (config.rootpath / file).resolve().relative_to(whole.resolve()).as_posix()
        except (OSError, ValueError):
            return ""

    doubled = config.pluginmanager.hasplugin(_ANNOTATES_FAILURES)
    return workflow_commands(results, place, failed_tests=not doubled)


def tell_unusable(config: pytest.Config, message: str) -> None:
    """Tell GitHub of settings that cannot be used, which end the run before it has any.

    Args:
        config: of the run.
        message: what is wrong.
    """
    given = config.getoption("replication_ci", None) or config.getini("replication_ci") or "auto"
    parts = str(given).lower().split(",")
    if config.getoption("replication_report_private", None) or config.getini("replication_report_private"):
        message = "a setting cannot be used: the log of the run says which"  # values may name what is private
    from pytest_replication.escape import one_line
    from pytest_replication.reports.annotations import error_command
    from pytest_replication.reports.markdown_text import plain

    if os.environ.get("GITHUB_ACTIONS") == "true" and {"auto", "annotations"} & set(parts):
        print(error_command(one_line(message)))
    if (path := os.environ.get("GITHUB_STEP_SUMMARY")) and {"auto", "summary"} & set(parts):
        try:
            with Path(path).open("a", encoding="utf-8", newline="\n") as opened:
                opened.write(f"\n\n## 💥 Replication: ERROR: nothing was checked\n\n{plain(message, 2000)}\n")
        except OSError:  # the run says what is wrong by itself
            return


def _summary_file(settings: Settings) -> Path | None:
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(path) if path and wants(settings, "summary") else None


def _annotates(settings: Settings) -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true" and wants(settings, "annotations")


def _artefacts() -> str:
    """The page of the run with its artefacts; empty where the environment does not tell it."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (os.environ.get(name, "") for name in names)
    address = f"{server}/{repository}/actions/runs/{run}"
    return f"{address}#artifacts" if _ADDRESS.fullmatch(address) else ""
