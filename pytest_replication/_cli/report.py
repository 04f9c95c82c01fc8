"""``report``: pages and files of other tools, made of a file of results."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication._cli.options import Verbs, print_json, size
from pytest_replication.durable import replace_file
from pytest_replication.errors import ResultsError
from pytest_replication.escape import one_line
from pytest_replication.faults import fault_text
from pytest_replication.reports.annotations import workflow_commands
from pytest_replication.reports.folder import BUDGET
from pytest_replication.reports.gitlab import gitlab
from pytest_replication.reports.html import html_report
from pytest_replication.reports.junit import junit
from pytest_replication.reports.markdown import summary
from pytest_replication.reports.model_card import model_card
from pytest_replication.reports.outcome import outcome
from pytest_replication.reports.sarif import sarif
from pytest_replication.reports.words import plural
from pytest_replication.results.file import Results, read_results
from pytest_replication.results.private import without_private
from pytest_replication.results.status import held_against
from pytest_replication.score_text import score_text, threshold_text


@dataclass(frozen=True, slots=True)
class Wanted:
    """What renderers are told beside the results.

    Attributes:
        budget: bytes that a page may take.
        everything: show checks that pass, too.
    """

    budget: int
    everything: bool


@dataclass(frozen=True, slots=True)
class Renderer:
    """One way of showing results.

    Attributes:
        option: without dashes.
        help: one phrase.
        render: makes the text.
        also: another name of the option, without dashes; empty for none.
    """

    option: str
    help: str
    render: Callable[[Results, Wanted], str]
    also: str = ""


def _place(file: str) -> str:
    """A file of a test, as far as it is one of the folder that the verb runs in."""
    return file if Path(file).is_file() else ""


RENDERERS: tuple[Renderer, ...] = (
    Renderer(
        "html",
        "Page to look at, which needs no other file",
        lambda results, wanted: html_report(results, budget=wanted.budget, everything=wanted.everything),
    ),
    Renderer("markdown", "Summary in markdown, below 1 MiB", lambda results, _: summary(results)),
    Renderer("junit", "Checks as JUnit XML, for strict readers too", lambda results, _: junit(results)),
    Renderer("sarif", "Findings as SARIF 2.1.0, for code scanning", lambda results, _: sarif(results)),
    Renderer(
        "gitlab",
        "Findings as a code quality report of GitLab",
        lambda results, _: gitlab(results),
        also="code-quality",
    ),
    Renderer(
        "annotations",
        "Annotations of GitHub Actions, lines for the log of a step",
        lambda results, _: "".join(f"{line}\n" for line in workflow_commands(results, _place)),
    ),
    Renderer("model-card", "Section for the card of the model", lambda results, _: model_card(results)),
)
"""Every way of showing results, a line each."""


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "report",
        help="Render the results of a run: pages, summaries, files of other tools",
        description="Render the results of a run, which --replication-report and check --report write. "
        "Without an option, tell them in a few lines.",
    )
    parser.add_argument("results", metavar="RESULTS", help="File of results, or folder of a report")
    for renderer in RENDERERS:
        told = f"{renderer.help} (-: print it)"
        names = [f"--{name}" for name in (renderer.option, renderer.also) if name]
        parser.add_argument(*names, type=Path, metavar="FILE", help=told)
    parser.add_argument("--private", action="store_true", help="Leave names, captions and pictures out")
    parser.add_argument(
        "--exit-status",
        type=int,
        metavar="STATUS",
        help="Exit status of the run: results that tell another one are an error",
    )
    parser.add_argument("--everything", action="store_true", help="Show checks that pass, too")
    parser.add_argument(
        "--budget",
        type=size,
        default=BUDGET,
        metavar="SIZE",
        help="Size that a page may have (default: 20MB)",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb: 0 whatever the results say."""
    results = read_results(args.results)
    if args.exit_status is not None:
        results = held_against(results, args.exit_status)
    if args.private:
        results = Results(results.path, without_private(results.data))
    wanted = Wanted(args.budget, args.everything)
    written: list[str] = []
    printed = False
    for renderer in RENDERERS:
        path: Path | None = getattr(args, renderer.option.replace("-", "_"))
        if path is not None:
            if path == Path("-"):
                _print(renderer.render(results, wanted))
                printed = True
                continue
            _write(path, renderer.render(results, wanted))
            written.append(str(path))
    if args.json:
        print_json(results.data)
    elif written or not printed:
        _print("\n".join(map(one_line, written or told(results))) + "\n")
    return 0


def told(results: Results) -> list[str]:
    """Results in a few lines: what came out, and each check."""
    run = results.run
    outcomes = Counter(check["outcome"] for check in results.counted)
    counted = ", ".join(f"{count} {found}" for found, count in sorted(outcomes.items()))
    head = f"{outcome(results).upper()}: {plural(len(results.counted), 'check')}"
    lines = [head + (f" ({counted})" if counted else "")]
    lines += [f"  {_line(check)}" for check in results.checks]
    lines += [f"  ERROR {error['test']}: {error['message']}" for error in run["errors"]]
    return lines + [f"  ERROR {fault_text(fault)}" for fault in run["faults"]]


def _line(check: dict[str, Any]) -> str:
    told = f"{check['outcome'].upper()}{' (run again)' if check['rerun'] else ''} {check['id']}"
    if "kind" in check:
        return told
    return (
        f"{told}: {check['replicated']} of {check['samples']} replicated, "
        f"highest {score_text(check['worst_score'], check['threshold'])}, "
        f"threshold {threshold_text(check['threshold'])}"
    )


def _print(text: str) -> None:
    """Print text in UTF-8, whatever the terminal takes: a pipe into a summary may say that it takes ASCII."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:  # not a file but an object in memory
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    binary.write(text.encode(errors="replace"))
    sys.stdout.flush()


def _write(path: Path, content: str) -> None:
    try:
        replace_file(path, content.encode(errors="replace"))
    except OSError as error:
        raise ResultsError(
            f"{path} cannot be written ({error}): name a file in a folder that is there"
        ) from error
