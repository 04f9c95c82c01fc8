"""The results of a run in markdown: the verdict first, then checks, then the worst pairs. Never too large.

GitHub drops a summary of more than 1 MiB whole, and shows no images that are embedded in one: this one stops
before that, says what it left out, and names the page that shows pictures instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_replication.reports.about import accepted, pairs_of, passed, severity_of_pair
from pytest_replication.reports.finding import NO_VERDICT, REGRESSED, Finding
from pytest_replication.reports.headlines import headline, measure, title
from pytest_replication.reports.last_release import change_story, changes
from pytest_replication.reports.markdown_text import code, fenced, plain
from pytest_replication.reports.outcome import failure, ordered, outcome
from pytest_replication.reports.part_places import part_place
from pytest_replication.reports.run_findings import of_run
from pytest_replication.reports.warnings import check_warnings, index_warnings
from pytest_replication.reports.words import plural
from pytest_replication.score_text import threshold_text

if TYPE_CHECKING:
    from pytest_replication.results import Results

T = TypeVar("T")
CAP = (1 << 20) - 4096
"""Bytes that a step summary may have: GitHub drops one of more than 1 MiB, and others add to it."""
CHECKS, PAIRS, PAIRS_OF_ONE, REASONS = 200, 100, 20, 50
"""Rows that people still read: checks, pairs of all of them and of one, and what broke or weakens the run."""
_OF_PAIRS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "": lambda pair: plain(measure(pair), 60),
    "sample": lambda pair: code(pair.get("sample")),
    "seed": lambda pair: code("" if pair.get("seed") is None else pair["seed"], 30),
    "prompt": lambda pair: code(pair.get("prompt") or ""),
    "training image": lambda pair: code(pair.get("training_uri") or pair.get("training_id") or ""),
    "copied part": lambda pair: plain(part_place(pair), 120),
    "class": lambda pair: code("" if pair.get("label") is None else pair["label"], 60),
    "caption": lambda pair: code(pair.get("caption") or ""),
    "copies": lambda pair: plain("" if pair.get("copies") is None else pair["copies"], 20),
}
"""Columns of a pair. Pictures are shown by the page: their names would say nothing here."""
_ALWAYS, _EMPTY = ("", "sample", "training image"), ("", "–")
_OF_ACCEPTED = ("", "check", "sample", "training image", "reason", "accepted by", "until")
_MESSAGE = 16_000
_RESERVED = 1_500
_SIGNS = {"pass": "✅", "fail": "❌", "error": "💥", "inconclusive": "❔", "none": "💥"}
_WORDS = {
    "error": "ERROR: a check could not be made, so that nothing is known of the model",
    "inconclusive": "INCONCLUSIVE: it cannot be told whether the model copies, which is no pass",
    "none": "NO CHECK was made, so that nothing is known of the model",
}
_NO_VERDICT = "ERROR: a test ended without a verdict, so that the run is no evidence"


def summary(results: Results, cap: int = CAP, artefact: str = "") -> str:
    """Render the results of a run for the summary of a step of GitHub, or for a comment.

    Args:
        results: of a run.
        cap: bytes of UTF-8 that it may have; too few for its first lines give an empty text.
        artefact: address of the page with the artefacts of the run, where there is one.
    """
    page = _Page(cap)
    what = outcome(results)
    words = _words(results, what)
    if not page.add(f"## {_SIGNS[what]} Replication: {words}\n"):
        return ""
    page.keep(_RESERVED)
    for section in (_broken, _checks, _compared, _worst, _accepted, _warned, _message):
        section(page, results)
    page.keep(0)
    for line in _ending(page, results, artefact):
        page.add(line)
    return page.text


def _words(results: Results, what: str) -> str:
    """The verdict of a run, in a sentence."""
    if what == "pass":
        return f"PASS: {passed(results.counted)}"
    if what == "fail":
        return f"FAIL: {failure(results)}"
    broken = {each.rule for each in of_run(results) if each.failing}
    return _NO_VERDICT if what == "error" and broken == {NO_VERDICT} else _WORDS[what]


class _Page:
    """Lines that fit into a number of bytes, and what did not.

    Attributes:
        left_out: numbers of things that were left out, by what they are.
    """

    def __init__(self, cap: int) -> None:
        self._left, self._kept, self._lines = cap, 0, list[str]()
        self.left_out: dict[str, int] = {}

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    def keep(self, count: int) -> None:
        """Keep bytes for what comes last."""
        self._kept = count

    def add(self, block: str, more: int = 0) -> bool:
        """Add lines, where they and so many more bytes fit; say whether they did."""
        size = len(block.encode()) + 1
        if size + more > self._left - self._kept:
            return False
        self._left -= size
        self._lines.append(block)
        return True

    def table(
        self,
        head: str,
        columns: tuple[str, ...],
        items: Sequence[T],
        row: Callable[[T], str],
        most: int,
        what: str,
    ) -> None:
        """Add a table with as many rows as fit, `most` of them."""
        begun = f"{head}\n\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}"
        self._rows(begun, items, row, most, what)

    def list(self, head: str, items: Sequence[T], told: Callable[[T], str], most: int, what: str) -> None:
        """Add a list with as many items as fit, `most` of them."""
        self._rows(f"{head}\n", items, lambda item: f"- {told(item)}", most, what)

    def _rows(self, begun: str, items: Sequence[T], row: Callable[[T], str], most: int, what: str) -> None:
        shown = 0
        for item in items[:most]:
            line = row(item)
            if not (shown or self.add(begun, more=len(line.encode()) + 2)) or not self.add(line):
                break
            shown += 1
        if shown:
            self.add("")
        if shown < len(items):
            self.left_out[what] = self.left_out.get(what, 0) + len(items) - shown


def _broken(page: _Page, results: Results) -> None:
    """What broke the run."""
    broken = [each for each in of_run(results) if each.rule != REGRESSED]
    page.list("### What could not be checked", broken, _fault, REASONS, "errors")


def _fault(finding: Finding) -> str:
    return f"{code(finding.test)} {plain(finding.message)}" if finding.test else plain(finding.message)


def _checks(page: _Page, results: Results) -> None:
    columns = ("", "check", "what was found", "threshold", "rate of the model", "compared with")
    page.table("### Checks", columns, ordered(results), _row, CHECKS, "checks")


def _row(check: Mapping[str, Any]) -> str:
    said = f"{_SIGNS[check['outcome']]} {check['outcome'].upper()}"
    said += "" if check["asserted"] else " (measured only)"
    found = plain(headline(check), 400)
    images = check.get("searched")
    index = check.get("index") if isinstance(check.get("index"), Mapping) else {}
    compared = f"{plural(images, 'training image')}, " if isinstance(images, int) and images else ""
    compared += code(index.get("embedder"), 60) if index and index.get("embedder") else ""
    return f"| {said} | {code(title(check), 200)} | {found} | {_rule(check)} | {_rate(check)} | {compared} |"


def _compared(page: _Page, results: Results) -> None:
    """What became of the checks since the last release."""
    columns = ("", "check", "replicated")
    page.table("### Compared with the last release", columns, changes(results), _change, CHECKS, "changes")


def _change(change: Mapping[str, Any]) -> str:
    said = plain(str(change.get("change", "")).upper(), 40)
    return f"| {said} | {code(change.get('id'), 200)} | {plain(change_story(change), 300)} |"


def _rule(check: Mapping[str, Any]) -> str:
    if "kind" in check:
        return "–"
    if check.get("fdr") is not None:
        return plain(f"FDR {check['fdr']:g}", 60)
    return f"{threshold_text(check['threshold'])} ({plain(check['threshold_source'], 80)})"


def _rate(check: Mapping[str, Any]) -> str:
    upper, lower = check.get("rate_upper"), check.get("rate_lower")
    if (
        not isinstance(upper, int | float)
        or not isinstance(lower, int | float)
        or check.get("fdr") is not None
    ):
        return "–"
    bounds = f"&gt;= {100 * lower:.3g} %, " if lower else ""
    return f"{bounds}&lt;= {100 * upper:.3g} %"


def _worst(page: _Page, results: Results) -> None:
    """The pairs of checks that saw some: the worst of each, then as many more as there is room for."""
    checks = [(check, _pairs(check)) for check in ordered(results)]
    checks = [(check, pairs) for check, pairs in checks if pairs]
    left = max(0, PAIRS - len(checks))
    for place, (check, pairs) in enumerate(checks):
        more = min(left, PAIRS_OF_ONE - 1, len(pairs) - 1) if place < PAIRS else -1
        left -= max(0, more)
        columns = _columns(pairs[: 1 + more])
        head = f"### Pairs of {code(title(check), 200)}, the worst first"
        page.table(head, columns, pairs, partial(_pair, columns=columns), 1 + more, "pairs")


def _columns(pairs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Columns that say something of these pairs."""
    return tuple(
        name
        for name, cell in _OF_PAIRS.items()
        if name in _ALWAYS or any(cell(pair) not in _EMPTY for pair in pairs)
    )


def _pairs(check: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Pairs of a check, the worst first: those that are replicated, then those of which it cannot be told."""
    return [
        pair
        for name in ("pairs", "undecided_pairs")
        for pair in sorted(pairs_of(check, name), key=lambda pair: -severity_of_pair(check, pair))
    ]


def _accepted(page: _Page, results: Results) -> None:
    """Matches that do not count because people have said so, and those of whom that has expired."""
    found = [
        (check, pair, expired)
        for check in ordered(results)
        for expired in (False, True)
        for pair in accepted(check, "expired" if expired else "matches")
    ]
    page.table(
        "### Matches that people have accepted", _OF_ACCEPTED, found, _acceptance, PAIRS, "accepted matches"
    )


def _acceptance(found: tuple[Mapping[str, Any], Mapping[str, Any], bool]) -> str:
    check, pair, expired = found
    cells = [
        plain(measure(pair), 60),
        code(title(check), 200),
        code(pair.get("sample")),
        code(pair.get("training_uri") or pair.get("training_id") or ""),
        plain(pair.get("reason") or "", 300),
        plain(f"{pair.get('by') or ''}, {pair.get('decided') or ''}", 120),
        plain(f"{pair.get('expires') or ''}{', expired and counted again' if expired else ''}", 60),
    ]
    return f"| {' | '.join(cells)} |"


def _pair(pair: Mapping[str, Any], *, columns: tuple[str, ...]) -> str:
    return f"| {' | '.join(_OF_PAIRS[name](pair) for name in columns)} |"


def _warned(page: _Page, results: Results) -> None:
    """What weakens the checks, each sentence once."""
    told = list(dict.fromkeys(said for check in results.counted for said in warned(check)))
    page.list("### Warnings", told, plain, REASONS, "warnings")


def warned(check: Mapping[str, Any]) -> list[str]:
    """What weakens a check, in sentences; of results that lack what these are made of, nothing."""
    try:
        index = index_warnings(check["index"]) if check.get("index") else []
        return [
            *index,
            *(map(str, check.get("warnings") or []) if "kind" in check else check_warnings(check)),
        ]
    except (KeyError, TypeError):
        return []


def _message(page: _Page, results: Results) -> None:
    """The failure that the worst check shows, whole, to be unfolded."""
    told = [check for check in ordered(results) if check["message"]]
    if told:
        text = fenced(str(told[0]["message"]), _MESSAGE)
        page.add(f"<details><summary>The message of the worst check</summary>\n\n{text}\n\n</details>\n")


def _ending(page: _Page, results: Results, artefact: str) -> Iterable[str]:
    """What was left out, where the rest is, and what wrote this."""
    if page.left_out:
        counts = ", ".join(f"{count:,} {what}" for what, count in page.left_out.items())
        yield f"**Not shown here: {counts}.** All of them are in `results.json`."
        yield ""
    where = "the artefacts of this run" if artefact else "the folder of the report"
    where = f"[{where}]({artefact})" if artefact else where
    names = ("pairs", "near_pairs")
    shown = (pair for check in results.checks for name in names for pair in pairs_of(check, name))
    if any(pair.get("pictures") for pair in shown):
        yield f"Pairs side by side: `report.html`, in {where}."
        yield ""
    private = " Names, captions and pictures were left out (private)." if results.private else ""
    yield f"{plain(results.data['writer'], 60)}, {plain(results.data['written'], 40)}.{private}"
