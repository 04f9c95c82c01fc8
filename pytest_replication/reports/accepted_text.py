"""Accepted matches in words, the same in every report: from the plain data of a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_replication.reports.words import plural
from pytest_replication.score_text import score_text

Row = Mapping[str, Any]
_PRUNE = "'pytest-replication accept --prune'"


def accepted_count(data: Row) -> str:
    """What the first line of a verdict says of accepted matches; empty where there are none."""
    count = len(data["accepted"]["matches"]) if data["accepted"] else 0
    return f", {plural(count, 'match', 'matches')} accepted" if count else ""


def accepted_samples(data: Row) -> int:
    """Samples that would be replicated if nothing were accepted."""
    if not data["accepted"]:
        return 0
    replicated = {pair["sample_number"] for pair in data["pairs"]}
    return len({match["sample_number"] for match in data["accepted"]["matches"]} - replicated)


def accepted_lines(data: Row, shown: int) -> list[str]:
    """What is accepted, worst first.

    Args:
        data: what `verdict_data` makes of a verdict.
        shown: matches that are listed.
    """
    book = data["accepted"]
    if not book:
        return []
    lines, matches = [], book["matches"]
    if matches:
        are, do = ("is", "does") if len(matches) == 1 else ("are", "do")
        lines.append(
            f"{plural(len(matches), 'match', 'matches')} {are} accepted by {book['file']} and {do} not count:"
        )
        lines += [f"  {_pair(match, data)}" for match in matches[:shown]]
        if len(matches) > shown:
            lines.append(f"  and {len(matches) - shown} more")
    return lines


def expired_lines(data: Row) -> list[str]:
    """Matches that count again because what accepted them has expired."""
    book = data["accepted"]
    return [
        f"accepted until {match['expires']} and counted again: {_pair(match, data)}; look at it again, "
        f"then renew or remove the entry in {book['file']}"
        for match in (book["expired"] if book else ())
    ]


def unused_line(data: Row) -> str:
    """Entries that no match of a check needs; empty where there are none."""
    book = data["accepted"]
    return _unused(book["file"], book["unused"], "here") if book else ""


def unused_in_all(rows: Sequence[Row]) -> list[str]:
    """The same for a run: entries that no check needs, a line for each file."""
    left: dict[str, dict[tuple[str, str], Row]] = {}
    for book in (row["accepted"] for row in rows if row.get("accepted")):
        unused = {(entry["sample_sha256"], entry["training_sha256"]): entry for entry in book["unused"]}
        before = left.setdefault(book["file"], unused)
        left[book["file"]] = {pair: before[pair] for pair in before.keys() & unused.keys()}
    lines = (_unused(file, entries.values(), "in this run") for file, entries in left.items())
    return [line for line in lines if line]


def _unused(file: str, entries: Iterable[Row], where: str) -> str:
    found = sorted(entries, key=lambda entry: entry["expires"])
    if not found:
        return ""
    name = " -> ".join(part or "?" for part in found[0]["accepted_as"])
    return (
        f"{plural(len(found), 'entry', 'entries')} of {file} matched nothing {where}, such as {name}: stale, "
        f"remove with {_PRUNE} what nothing needs"
    )


def _pair(match: Row, data: Row) -> str:
    part = match["part"] if match["kind"] == "object" else None
    score = plural(part["points"], "point") if part else score_text(match["score"], data["threshold"])
    return (
        f"{score}  {match['sample']} -> {match['training_uri']} ({match['reason']}; {match['by']}, "
        f"{match['decided']}, until {match['expires']})"
    )
