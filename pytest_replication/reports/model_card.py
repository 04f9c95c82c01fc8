"""A section for the card of a model, in markdown: what was tested, what it proves, what it does not show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pytest_replication.choices import EXACT
from pytest_replication.reports.about import REPLICATED, about, passed
from pytest_replication.reports.finding import NO_CHECK
from pytest_replication.reports.headlines import headline, title
from pytest_replication.reports.markdown import warned
from pytest_replication.reports.markdown_text import code, plain
from pytest_replication.reports.outcome import failure, ordered, outcome
from pytest_replication.reports.run_findings import of_run
from pytest_replication.reports.words import objects_words, plural
from pytest_replication.score_text import score_text, threshold_text

if TYPE_CHECKING:
    from pytest_replication.results import Results

_CHECKS, _LONGEST = 50, 300
_PLACE = re.compile(r"(^|[:= ])(/(?!/)[^:]+)")
"""An absolute path, up to what follows it behind a colon; no address of the web."""
_WORDS = {
    "error": "**Nothing is known: a check could not be made.** This section is no evidence.",
    "inconclusive": "**It could not be told whether the model copies training images.** This is no pass.",
    "none": "**No check was counted.** This section is no evidence.",
}
_CELLS = {"extraction": ("extracted", "closest", "rule"), "screen": ("prompts", "assertion", "found")}
_OF_SETS = ("", "assertion", "found")
"""What the cells of checks of other kinds say; the samples of a set have a row of their own."""
_NOT_SHOWN = (
    "Anything about images that are not in the index: who trained on more than that has to index more.",
    "That the model never copies: no more than the rate above is proved, for {like}.",
    "Copies that the embedder takes for other images; the positive control tells which kinds it finds.",
    "Copies of style, of identity or of facts, and anything that cannot be seen in an image.",
)
_WHOLE = "Copies of a part of an image: samples were compared as a whole."


def model_card(results: Results) -> str:
    """Render a section that can be pasted into the card of a model.

    Args:
        results: of a run.
    """
    if not results.checks:
        return "\n".join(["## Replication of training images", "", *_nothing(results), ""])
    checks = [check for check in ordered(results) if not check["rerun"]]
    # Copies that a run found before it was repeated are real, and belong on the card.
    checks += [check for check in results.checks if check["rerun"] and check["outcome"] != "pass"]
    checks = [_public(check) for check in checks]
    what = outcome(results)
    words = f"**{failure(results)}.**" if what == "fail" else _WORDS.get(what, f"{passed(results.counted)}.")
    lines = ["## Replication of training images", "", words, ""]
    lines += [f"* {plain(each.message)}" for each in of_run(results)[:_CHECKS]]
    for check in checks[:_CHECKS]:
        lines += ["", *_check(check)]
    if len(checks) > _CHECKS:
        lines += ["", f"{len(checks) - _CHECKS} more checks are in the file of results."]
    told = dict.fromkeys(said for check in checks for said in warned(check))
    if told:
        lines += ["", "### What weakens this", "", *(f"* {plain(said)}" for said in list(told)[:_CHECKS])]
    lines += ["", "### What this does not show", ""]
    parts = any(isinstance(check.get("objects"), Mapping) for check in checks)
    like = _like(checks)
    lines += [f"* {said.format(like=like)}" for said in (*_NOT_SHOWN, *(() if parts else (_WHOLE,)))]
    lines += ["", _written(results), ""]
    return "\n".join(lines)


def _public(check: Mapping[str, Any]) -> dict[str, Any]:
    """A check for readers elsewhere: files and folders by name, not by their place on this machine."""
    found = dict(check)
    for key in ("sample_source", "holdout_source", "prompts_source"):
        if isinstance(found.get(key), str):
            found[key] = _by_name(found[key])
    if index := _mapping(check.get("index")):
        named = {key: _by_name(index[key]) for key in ("path", "embedder") if isinstance(index.get(key), str)}
        found["index"] = {**index, **named}
    if model := _mapping(check.get("model")):
        options = [_by_name(str(option)) for option in model.get("options") or []]
        found["model"] = {**model, "name": _by_name(str(model.get("name"))), "options": options}
    return found


def _by_name(text: str) -> str:
    """A text in which absolute paths, whole or behind a kind such as ``folder:``, are their last names."""
    return _PLACE.sub(lambda found: found[1] + PurePosixPath(found[2]).name, text)


def _like(checks: Sequence[Mapping[str, Any]]) -> str:
    """What the proof is about: such prompts and seeds, where samples have some."""
    prompts = any(
        check.get("prompts_source") or _mapping(check.get("counts")).get("prompts") for check in checks
    )
    known = {"prompts": prompts, "seeds": any(_mapping(check.get("seeds")) for check in checks)}
    named = " and ".join(name for name, are in known.items() if are)
    return f"such {named}" if named else "samples like these"


def _nothing(results: Results) -> Iterator[str]:
    """The section of a run in which nothing was checked: that, and why."""
    yield "**Nothing was checked.** No sample of a model was compared with any training image in this run."
    yield "This section is no evidence: whether the model copies is not known."
    if found := [each for each in of_run(results) if each.rule != NO_CHECK]:
        yield ""
        yield from (f"* {plain(each.message)}" for each in found[:_CHECKS])
    yield ""
    yield f"The run began {_ran(results)}."


def _check(check: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {code(title(check), 200)}"
    yield ""
    measured = "" if check["asserted"] else " (measured only, no limit was asserted)"
    yield f"{check['outcome'].upper()}{measured}: {plain(headline(check), 600)}"
    yield ""
    rows = list(_of_set(check) if "kind" in check else _of_samples(check))
    if rows:
        yield "| | |"
        yield "| --- | --- |"
        yield from (f"| {name} | {value} |" for name, value in rows)


def _of_samples(check: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _of_model(check)
    distinct = check.get("distinct_samples")
    told = f", {distinct:,} of them distinct" if isinstance(distinct, int) and distinct else ""
    yield "samples", f"{check['samples']:,} of {_quoted(check.get('sample_source'))}{told}"
    counts = _mapping(check.get("counts"))
    if check.get("prompts_source") or counts.get("prompts"):
        number, source = plain(counts.get("prompts") or "", 20), plain(check.get("prompts_source") or "", 200)
        yield "prompts", f"{number} {source}".strip()
    if seeds := _seeds(check):
        yield "seeds", seeds
    of = plain(counts.get("training_images", "an unknown number"), 20)
    copied = f", copies of {of} training images" if check["replicated"] else ""
    yield "replicated", f"{check['replicated']:,} of {check['samples']:,}{copied}"
    if about(check) == REPLICATED:
        yield "rate of the model", _bound(check)
    yield "highest score", score_text(check["worst_score"], check["threshold"])
    yield "threshold", _threshold(check)
    if parts := objects_words(check):
        yield "copies of a part", plain(parts, 300)
    yield "compared with", _index(check)
    yield "embedder", _embedder(_mapping(check["index"]))
    yield "positive control", _control(check)
    if accepted := _mapping(check.get("accepted")).get("matches"):
        yield (
            "accepted by people",
            plural(len(accepted), "match", "matches") + ", which do not count as replicated",
        )


def _of_set(check: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A check of another kind: what it has said, and against what."""
    if check.get("sample_source"):
        yield "samples", f"{plain(check.get('samples', ''), 20)} of {_quoted(check['sample_source'])}"
    if check.get("holdout_source"):
        yield "hold-out", f"{plain(check.get('holdout', ''), 20)} of {_quoted(check['holdout_source'])}"
    said = headline(check)
    for name, cell in zip(_CELLS.get(check["kind"], _OF_SETS), check.get("cells") or [], strict=False):
        if name and cell and cell != said:
            yield name, plain(cell, _LONGEST)
    if check.get("searched") and _mapping(check.get("index")).get("fingerprint"):
        yield "compared with", _index(check)


def _of_model(check: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    model = _mapping(check.get("model"))
    if not model:
        return
    known = f", fingerprint {code(str(model['fingerprint'])[:12])}" if model.get("fingerprint") else ""
    options = ", ".join(code(option) for option in model.get("options") or [])
    yield "model", f"{code(model.get('name'))}{known}{f', {options}' if options else ''}"


def _seeds(check: Mapping[str, Any]) -> str:
    """Which seeds the samples were made from, where that is known."""
    seeds = _mapping(check.get("seeds"))
    if not seeds:
        return ""
    first, last = (plain(seeds.get(name), 40) for name in ("first", "last"))
    return first if first == last else f"{first} to {last}, {plain(seeds.get('distinct'), 20)} of them used"


def _bound(check: Mapping[str, Any]) -> str:
    if check.get("fdr") is not None:
        return "none is proved: a false discovery rate decided"
    least = f"at least {100 * check['rate_lower']:.3g} % and " if check["rate_lower"] else ""
    per = " of prompts" if _mapping(check.get("counts")).get("per") == "prompt" else ""
    limit = f"; tolerated: {100 * check['max_rate']:.3g} %" if check["max_rate"] else ""
    each = ", each bound" if least else ""
    confidence = f"{100 * check['confidence']:.5g} % confidence{each}, Clopper-Pearson"
    return f"{least}at most {100 * check['rate_upper']:.3g} %{per} ({confidence}){limit}"


def _threshold(check: Mapping[str, Any]) -> str:
    if check.get("fdr") is not None:
        return f"false discovery rate {check['fdr']:g} ({plain(check.get('fdr_source'), 100)})"
    chance = check.get("expected_false")
    told = f"; {chance:.2g} of these samples reach it by chance" if isinstance(chance, float) else ""
    return f"{threshold_text(check['threshold'])} ({plain(check['threshold_source'], 200)}){told}"


def _index(check: Mapping[str, Any]) -> str:
    index, search = _mapping(check.get("index")), _mapping(check.get("search"))
    searched = check.get("searched")
    images = f"{searched:,} training images" if isinstance(searched, int) else "training images"
    engine, recall = search.get("engine"), search.get("recall")
    told = ", all of them (exact)" if engine in (None, EXACT) else f", by {plain(engine, 60)}"
    if engine not in (None, EXACT) and isinstance(recall, float):
        told += f" with a recall above {100 * recall:.5g} %"
    missing = [
        f"{index[key]:,} {words}"
        for key, words in (("rejected", "could not be read"), ("removed", "were removed"))
        if isinstance(index.get(key), int) and index[key]
    ]
    aside = f"; {' and '.join(missing)}, and were not compared" if missing else ""
    return f"{images}{told}; index fingerprint {code(str(index.get('fingerprint') or ''), 80)}{aside}"


def _embedder(index: Mapping[str, Any]) -> str:
    weights = index.get("weights_sha256")
    known = f", weights {code(str(weights)[:12])}" if weights else ""
    return f"{code(index.get('embedder'))}, {plain(index.get('preprocessing') or '', _LONGEST)}{known}"


def _control(check: Mapping[str, Any]) -> str:
    control = _mapping(check.get("control"))
    if not control.get("asked"):
        return "none: nothing shows that copies would have been found"
    found = f"{plain(control.get('found'), 20)} of {plain(control['asked'], 20)}"
    found += " planted copies found in this check"
    if not control.get("planted"):
        return found
    of = f"{plain(control.get('planted_found'), 20)} of {plain(control['planted'], 20)}"
    return f"{found}; {of} edited copies when the index was calibrated"


def _written(results: Results) -> str:
    return f"Measured {_ran(results)}."


def _ran(results: Results) -> str:
    """When a run began, what made it, and of which commit."""
    commit = _mapping(results.run["environment"]).get("commit")
    of = f", commit {code(str(commit)[:12])}" if commit else ""
    return f"{plain(results.run['started'], 40)} by {plain(results.data['writer'], 60)}{of}"


def _quoted(value: object) -> str:
    return code(value) if value else "unknown origin"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
