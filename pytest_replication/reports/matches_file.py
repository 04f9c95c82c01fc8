"""Matches in a file: everything that judging needs, so that another policy asks for no new samples.

JSON of one object: ``format``, ``version`` (of this package), ``written``, ``policy`` (what the verdict was
given under), ``searched``, ``subject``, ``by``, ``more`` (what else `Matches` holds), ``records`` and ``of``
(tables: the names of the columns once, then values), ``parts`` (matches of parts, in the columns of ``of``;
null where none were looked for), and ``sha256``, the digest of all the rest. The digest is a guard against
damage; whoever can write the file can also write the digest.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_replication import __version__
from pytest_replication.durable import replace_file
from pytest_replication.errors import MatchesFileError, SettingsError
from pytest_replication.images.read import read_file
from pytest_replication.index import Record
from pytest_replication.index.manifest import now
from pytest_replication.policy import Policy
from pytest_replication.reports.matches_checks import check_matches
from pytest_replication.reports.plain import (
    Reader,
    field_readers,
    listed,
    pack,
    pack_field,
    read_fields,
    reader,
    unpack,
)
from pytest_replication.sealed import digest
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches, Stored
from pytest_replication.search.neighbours import SearchedBy
from pytest_replication.search.subject import Subject
from pytest_replication.stored_fields import stored_fields
from pytest_replication.strict_json import no_constant, no_repeats
from pytest_replication.verdicts import Verdict

FORMAT = 1
MAX_BYTES = 1 << 27
"""Largest file that is written or read: some 160,000 samples with five matches each."""
_APART = ("of", "searched", "subject", "by")
_KEYS = ("format", "version", "written", "policy", *_APART, "more", "records", "parts")
_Found = tuple[tuple[Match, ...], ...]


@dataclass(frozen=True, slots=True)
class SavedMatches:
    """What a file of matches holds.

    Attributes:
        matches: what was measured; `Matches.stored` says where it was read from.
        policy: what the verdict of then was given under. Leave to pass on unproved vectors and accepted
            matches are not kept: whoever judges again gives them again.
    """

    matches: Matches
    policy: Policy


def save_matches(path: str | os.PathLike[str], verdict: Verdict) -> None:
    """Write the matches of a verdict and its policy, by one rename.

    Raises:
        MatchesFileError: it would be larger than `MAX_BYTES`, holds what cannot be stored, or cannot be
            written.
    """
    target = Path(path)
    try:
        body = _body(verdict)
        whole = {**body, "sha256": digest(body)}
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise MatchesFileError(f"the matches cannot be stored in {target}: {error}") from error
    content = text.encode() + b"\n"
    if len(content) > MAX_BYTES:
        raise MatchesFileError(
            f"the matches take {len(content):,} bytes, more than the {MAX_BYTES:,} of a file of matches: "
            "check fewer samples at a time, or keep fewer training images of each"
        )
    try:
        replace_file(target, content)
    except (OSError, ValueError) as error:
        raise MatchesFileError(f"{target} cannot be written ({error})") from error


def read_matches(path: str | os.PathLike[str]) -> SavedMatches:
    """Read what `save_matches` has written.

    Raises:
        MatchesFileError: there is no such file, it has changed since it was written, is of another format,
            or holds what no search finds.
    """
    source = Path(path)
    text = _text(source)
    try:
        body = _parse(text)
    except (ValueError, RecursionError) as error:
        raise _refusal(source, error) from error
    if body.get("format") != FORMAT:
        raise MatchesFileError(
            f"{source} is in format {str(body.get('format'))[:20]} of matches, this version reads format "
            f"{FORMAT}: write it again with 'pytest-replication check INDEX SAMPLES --save {source}'"
        )
    try:
        sha256 = body.pop("sha256", None)
        if sha256 != digest(body):
            raise ValueError("its digest differs")
        if body.keys() != set(_KEYS):
            raise ValueError("it has other keys than this version knows")
        stored = Stored(str(source), unpack(str, body["written"]), sha256, unpack(str, body["version"]))
        return SavedMatches(_matches(body, stored), unpack(Policy, body["policy"]))
    except (ValueError, SettingsError) as error:  # a policy that could not have been given
        raise _refusal(source, error) from error


def _body(verdict: Verdict) -> dict[str, Any]:
    matches = verdict.matches
    objects = matches.objects
    numbers: dict[Record, int] = {}
    of = _rows(matches.of, numbers)
    parts = None if objects is None else _rows(objects.of, numbers)
    records = [pack(record) for record in numbers]
    rest = pack(replace(matches, of=(), objects=None if objects is None else replace(objects, of=())))
    more = {name: value for name, value in rest.items() if name not in _APART}
    return {
        "format": FORMAT,
        "version": __version__,
        "written": now(),
        "policy": pack(verdict.policy),
        "searched": pack(matches.searched),
        "subject": pack(matches.subject),
        "by": pack(matches.by),
        "more": more,
        "records": {"columns": _names(Record), "rows": [list(record.values()) for record in records]},
        "of": {"columns": _names(Match), "rows": of},
        "parts": parts,
    }


def _rows(of: _Found, numbers: dict[Record, int]) -> list[list[list[Any]]]:
    """Matches as values, with the numbers of their records, of which new ones get one."""
    return [[_row(match, numbers) for match in found] for found in of]


def _row(match: Match, numbers: dict[Record, int]) -> list[Any]:
    record = numbers.setdefault(_bare(match.record), len(numbers))
    kept = stored_fields(Match).values()
    return [record if field.name == "record" else pack_field(match, field) for field in kept]


def _bare(record: Record) -> Record:
    """A record without its small picture, which no verdict looks at."""
    return record if record.thumbnail is None else replace(record, thumbnail=None)


def _matches(body: dict[str, Any], stored: Stored) -> Matches:
    record_rows, record_readers = _table(Record, body["records"])
    records = [Record(**_named(record_readers, row)) for row in record_rows]
    match_rows, match_readers = _table(Match, body["of"])
    match_readers["record"] = _numbered(records)

    def found(rows: list[Any]) -> _Found:
        return tuple(tuple(Match(**_named(match_readers, row)) for row in listed(each)) for each in rows)

    more = {name: read for name, read in field_readers(Matches).items() if name not in _APART}
    matches = Matches(
        of=found(match_rows),
        searched=unpack(int, body["searched"]),
        subject=unpack(Subject, body["subject"]),
        by=unpack(SearchedBy, body["by"]),
        **read_fields(Matches, more, body["more"]),
        stored=stored,
    )
    if (matches.objects is None) != (body["parts"] is None):
        raise ValueError("there are matches of parts that nobody looked for, or none where somebody did")
    if matches.objects is not None:
        matches = replace(matches, objects=replace(matches.objects, of=found(listed(body["parts"]))))
    check_matches(matches)
    return matches


def _names(kind: type) -> list[str]:
    return list(stored_fields(kind))


def _table(kind: type, data: Any) -> tuple[list[Any], dict[str, Reader]]:
    """Rows of a table, and what reads each column of one."""
    if type(data) is not dict or data.keys() != {"columns", "rows"} or data["columns"] != _names(kind):
        raise ValueError(f"its table of {kind.__name__} has other columns than this version knows")
    return listed(data["rows"]), field_readers(kind)


def _named(readers: dict[str, Reader], row: Any) -> dict[str, Any]:
    values = listed(row)
    if len(values) != len(readers):
        raise ValueError(f"a row has {len(values)} values where {len(readers)} should stand")
    return {name: read(value) for (name, read), value in zip(readers.items(), values, strict=True)}


def _numbered(records: list[Record]) -> Reader:
    whole = reader(int)

    def read(data: Any) -> Record:
        if not 0 <= (number := whole(data)) < len(records):
            raise ValueError(f"there is no record {number}")
        return records[number]

    return read


def _text(path: Path) -> str:
    again = "write one with 'pytest-replication check INDEX SAMPLES --save FILE'"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MatchesFileError(f"{path} has more than {MAX_BYTES:,} bytes: it is no file of matches")
        return read_file(path).decode()
    except FileNotFoundError as error:
        raise MatchesFileError(f"there is no file of matches at {path}: {again}") from error
    except (OSError, ValueError) as error:
        raise MatchesFileError(f"{path} cannot be read as a file of matches ({error}): {again}") from error


def _parse(text: str) -> dict[str, Any]:
    body = json.loads(text, parse_constant=no_constant, object_pairs_hook=no_repeats)
    if type(body) is not dict:
        raise ValueError("it is no object")
    return body


def _refusal(path: Path, error: Exception) -> MatchesFileError:
    return MatchesFileError(
        f"{path} is no sound file of matches ({error}): write it again with 'pytest-replication check INDEX "
        f"SAMPLES --save {path}'"
    )
