"""Run a benchmark: sets x extractors x scores → rows. Killed, it goes on where it was."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_replication.benchmark.alike import (
    Group,
    Loader,
    check_apart_from,
    same_hosts,
    same_negatives,
    sides_of,
    small_forms,
)
from pytest_replication.benchmark.asked import check_names, refuse_twice
from pytest_replication.benchmark.features import digest_of, identity_of
from pytest_replication.benchmark.ranked import CELLS
from pytest_replication.benchmark.results import Row, add_results, read_results
from pytest_replication.benchmark.scores import Score
from pytest_replication.benchmark.sets import Picture, RetrievalSet, sha256s
from pytest_replication.benchmark.task import Background, Extractor, Task
from pytest_replication.embedders import Embedder, EmbedderSpec, load_embedder
from pytest_replication.errors import BenchmarkError
from pytest_replication.reports.words import plural

RESULTS = "results.json"
SIDES = ("queries", "database")
_DIGEST = re.compile(r":[0-9a-f]{12}\b")
"""In the name of a network that is known by its file alone."""


def run_benchmark(
    sets: Sequence[RetrievalSet],
    embedders: Sequence[str],
    scores: Sequence[str],
    out: Path,
    *,
    background: Sequence[Picture] = (),
    background_name: str = "",
    hosts: Mapping[str, Mapping[str, Loader]] | None = None,
    preset: str | None = None,
    device: str = "auto",
    progress: bool = True,
    say: Callable[[str], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Row]:
    """Measure how well extractors and scores find what sets hold.

    Features are cached below ``out``, results are written after every row; what an earlier run in the
    same folder measured on the same pictures with the same weights is not measured again.

    Args:
        sets: with names that differ.
        embedders: names as `load_embedder` takes them.
        scores: names as `scores.score_named` takes them. One that compares parts is left out for an
            extractor without tokens whose vector is of bits, or cannot be cut into slices.
        out: folder for results and features.
        background: pictures that are in no set, for scores that are normalised or whitened.
        background_name: what results call it.
        hosts: for sets that have some, the hosts that parts were pasted into, by name: they are in neither
            side of the set, and may not be in the background.
        preset: preprocessing preset of all extractors; None for the own one of each.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        progress: show progress bars when standard error is a terminal.
        say: called with a sentence for each score that is left out for an extractor, and for background
            images or negatives that come near a picture of a set.
        tell: called with a line for each set that was measured with an extractor.

    Returns:
        One row for each set, extractor and score that fit, in this order of loops: extractors, sets,
        scores.

    Raises:
        BenchmarkError: nothing to do, a background that is too small or holds pictures of a set.
        EmbedderError: an extractor cannot be loaded or misbehaves.
        SettingsError: sets of the same name, an extractor given twice, a score that there is not or
            without its background, settings of an extractor.
    """
    wanted = check_names(embedders, scores, len(background))
    _check_sets(sets)
    contents = sha256s(background)
    behind = Background(background, background_name, digest_of(background, contents))
    learnt = any(score.needs_background for score in wanted)
    files = dict(zip(contents, background, strict=True)) if learnt else {}
    digests = {made.name: _digests(made) for made in sets}
    cache = out / "features"
    _check_alike(sets, digests, files, hosts or {}, cache, say)
    known = {row.key: row for row in read_results(out / RESULTS)}
    found: list[tuple[str, Row]] = []
    specs: dict[str, EmbedderSpec] = {}
    for written in embedders:
        embedder = load_embedder(written, preset=preset, device=device)
        specs[written] = embedder.spec
        fit = _fitting(wanted, embedder, written, say)
        extractor = Extractor(embedder, written, identity_of(embedder, cache))
        for made in sets:
            task = Task(made, digests[made.name], extractor, behind, cache, progress, say)
            _measure_missing(task, fit, known, out / RESULTS, tell)
            found += [(written, known[task.key(score)]) for score in dict.fromkeys(fit)]
    if not found:
        raise BenchmarkError(f"none of the scores {', '.join(scores)} fits any of {', '.join(embedders)}")
    return _labelled(found, _labels(specs), out / RESULTS)


def _check_sets(sets: Sequence[RetrievalSet]) -> None:
    if not sets:
        raise BenchmarkError("no sets are no benchmark: give one at least")
    refuse_twice("sets are named", [made.name for made in sets])


def _fitting(
    wanted: Sequence[Score], embedder: Embedder, written: str, say: Callable[[str], None] | None
) -> list[Score]:
    """The scores that an extractor can be compared by; tells of the others."""
    misfits = {score.name: reason for score in wanted if (reason := score.misfit(embedder))}
    for name, reason in misfits.items():
        if say is not None:
            say(f"the score {name} is left out for {written}, {reason}")
    return [score for score in wanted if score.name not in misfits]


def _measure_missing(
    task: Task,
    scores: Sequence[Score],
    known: dict[str, Row],
    results: Path,
    tell: Callable[[str], None] | None,
) -> None:
    """Measure what is not known yet, and keep each row as soon as it is there."""
    missing = [score for score in scores if task.key(score) not in known]
    started = time.monotonic()
    for row in task.measure(missing):
        known[row.key] = row
        add_results(results, [row])
    if tell is not None and scores:
        took = f"{plural(len(missing), 'score')} in {time.monotonic() - started:.1f} s"
        tell(f"{task.made.name}, {task.extractor.written}: {took if missing else 'measured before'}")


def _labelled(found: Sequence[tuple[str, Row]], labels: Mapping[str, str], results: Path) -> list[Row]:
    """The rows under what their extractors are called; kept so, where that is new."""
    rows = [replace(row, extractor=labels[written]) for written, row in found]
    if rows != [row for _, row in found]:
        add_results(results, rows)
    return rows


def _digests(made: RetrievalSet) -> tuple[str, str]:
    """Of queries and database."""
    return digest_of([query.picture for query in made.queries]), digest_of(made.database)


def _check_alike(
    sets: Sequence[RetrievalSet],
    digests: Mapping[str, tuple[str, str]],
    background: Mapping[str, Picture],
    hosts: Mapping[str, Mapping[str, Loader]],
    cache: Path,
    say: Callable[[str], None] | None,
) -> None:
    """Before anything is embedded: refuse a background that shows pictures of sets, and tell false negatives.

    Args:
        sets: all of them.
        digests: of queries and database, by the name of a set.
        background: by the sha256 of each file; empty where no score needs it.
        hosts: as `run_benchmark` takes them.
        cache: folder of features.
        say: told of hosts, and of queries that should find nothing, which are in the database.
    """
    parts = []
    for made in sets:
        none = all(query.positives or query.junk for query in made.queries)
        pasted = hosts.get(made.name, {})
        if not background and ((none and not pasted) or len(made.queries) * len(made.database) > CELLS):
            continue
        queries, database = sides_of(made, dict(zip(SIDES, digests[made.name], strict=True)), cache)
        parts += [database, queries]
        behind = Group(f"hosts of {made.name}", list(pasted), small_forms(list(pasted.values())))
        parts.append(behind)
        for told in (same_negatives(made, queries, database), same_hosts(made, behind, database)):
            if say is not None and told:
                say(told)
    if background:
        pictures = list(background.values())
        forms = small_forms([picture.load for picture in pictures])
        check_apart_from(Group("background", [str(picture.path) for picture in pictures], forms), parts)


def _labels(specs: Mapping[str, EmbedderSpec]) -> dict[str, str]:
    """What the extractors are called: by their identity, or as they were written.

    As they were written where two have one name, or where a name is the digest of a file: it tells nothing.

    Args:
        specs: identities by what was written.
    """
    times = Counter(spec.name for spec in specs.values())
    return {
        written: written if times[spec.name] > 1 or _DIGEST.search(spec.name) else spec.name
        for written, spec in specs.items()
    }
