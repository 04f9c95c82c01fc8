"""A verdict in plain text: one line that tells the story, then the worst pairs, then what to do."""

from __future__ import annotations

from typing import Any

from pytest_replication.escape import one_line
from pytest_replication.policy import Policy
from pytest_replication.reports.accepted_text import (
    accepted_count,
    accepted_lines,
    accepted_samples,
    expired_lines,
    unused_line,
)
from pytest_replication.reports.captions import captions_data, captions_text
from pytest_replication.reports.chance import chance_lines
from pytest_replication.reports.complexity import complexity_data, complexity_text
from pytest_replication.reports.data import accepted_data, control_data, verdict_data
from pytest_replication.reports.objects import (
    objects_line,
    objects_story,
    part_chance_lines,
    part_control_lines,
    rule_words,
    to_check,
    unchecked_story,
)
from pytest_replication.reports.pairs_text import SHOWN, pair_lines, worst_first
from pytest_replication.reports.pixel_evidence import information_data, information_text, to_settle
from pytest_replication.reports.remade import again_lines, model_lines
from pytest_replication.reports.warnings import warnings
from pytest_replication.reports.words import controlled, percent, plural
from pytest_replication.score_text import score_text, threshold_text
from pytest_replication.search.matches import Stored
from pytest_replication.search.neighbours import SearchedBy
from pytest_replication.search.subject import Subject
from pytest_replication.surroundings import current
from pytest_replication.verdicts import Outcome, Verdict


def render(verdict: Verdict) -> str:
    """Render a verdict for a terminal, a failure message or a log."""
    # Each line is one whatever names and captions hold: they are not ours.
    return "\n".join(map(one_line, [headline(verdict), *_details(verdict)]))


def headline(verdict: Verdict) -> str:
    """The whole story in one line: count, worst score, threshold, what follows."""
    k, n, limit = len(verdict.replicated), verdict.samples, verdict.policy.threshold
    worst = verdict.replicated[0] if k and verdict.replicated[0].part is None else verdict.closest
    by_part = objects_story(verdict)
    score, threshold = score_text(worst.score, limit), rule_text(verdict.policy)
    if k:
        what = "replicates a training image" if k == 1 else "replicate training images"
        called = "worst" if worst in verdict.replicated else "closest"
        story = f"{k} of {n} samples {what} ({called} score {score}, {threshold}{by_part})"
    else:
        story = (
            f"none of {n} samples replicates a training image{by_part} (closest score {score}, {threshold})"
        )
    if verdict.undecided or verdict.unchecked:
        told = f"of {len(verdict.undecided)} with next to nothing in them it cannot be told"
        told = "; ".join(filter(None, [told if verdict.undecided else "", unchecked_story(verdict)]))
        story = f"{story}; {told}" if k else f"cannot tell of {n} samples: {told} ({story})"
    return story + accepted_count(_of_accepted(verdict)) + _claim(verdict)


def bounds(verdict: Verdict) -> str:
    """What the number of samples proves about the rate of the model."""
    if verdict.policy.fdr is not None:
        return "of the rate of the model a false discovery rate proves nothing"
    (k, n), upper, lower = verdict.tally.of(verdict.policy.per), verdict.rate_upper, verdict.rate_lower
    units = "prompts" if verdict.policy.per == "prompt" or verdict.tally.clustered else "samples"
    proved = [f"below {percent(upper)}"] if k < n else []
    proved += [f"above {percent(lower)}"] if k else []
    confidence = f"{'each ' if len(proved) > 1 else ''}at {percent(verdict.confidence, 5)} confidence"
    of = f"{n} prompts" if verdict.policy.per == "prompt" else n
    claim = f"{k} of {of} proves a rate {' and '.join(proved)} ({confidence}, if {units} are independent)"
    accepted = accepted_samples(_of_accepted(verdict))
    return claim + (
        f"; {plural(accepted, 'accepted sample')} among those that do not count" if accepted else ""
    )


def counts(verdict: Verdict) -> str:
    """What was replicated by prompt and by training image; empty where nothing was."""
    counted = verdict.tally
    parts = (
        [f"{counted.replicated_prompts} of {plural(counted.prompts, 'prompt')}"] if counted.prompts else []
    )
    if counted.replicated:
        many = f", up to {counted.largest} samples of one of them" if counted.largest > 1 else ""
        parts.append(f"{plural(counted.training_images, 'distinct training image')} replicated{many}")
    return "; ".join(parts)


def searched(by: SearchedBy) -> str:
    """What searched the training images, and what it may overlook."""
    if by.exact:
        return "all searched (exact)"
    if by.recall is None:
        return f"searched by {by.engine}: what it found is real, there may be more"
    return (
        f"searched by {by.engine}: recall above {percent(by.recall, 5)} at {by.threshold:g} "
        f"({by.misses} of {by.planted} planted copies missed, {percent(by.confidence, 5)} confidence)"
    )


def rule_text(policy: Policy) -> str:
    """What decides, in two words: a threshold, or a false discovery rate."""
    if policy.fdr is not None:
        return f"FDR {policy.fdr:g}"
    return f"threshold {threshold_text(policy.threshold)}" + (
        f" by {policy.groups.by}" if policy.groups else ""
    )


def stored_text(stored: Stored, subject: Subject) -> str:
    """Where matches come from that were not measured just now."""
    return (
        f"judged again from {stored.path}, measured {stored.written} on index {subject.fingerprint[:12]} "
        f"(sha256 {stored.sha256[:12]})"
    )


def settings(policy: Policy) -> str:
    """Threshold and tolerated rate with their sources."""
    rate = f"max rate {percent(policy.max_rate)} ({policy.max_rate_source})"
    if policy.fdr is not None:
        alone = f"one alone from score {threshold_text(policy.threshold)} on"
        return f"FDR {policy.fdr:g} ({policy.fdr_source}): {policy.threshold_source}, {alone}; {rate}"
    return f"score >= {threshold_text(policy.threshold)} ({policy.threshold_source}{_other(policy)}); {rate}"


def _other(policy: Policy) -> str:
    """What the threshold took the place of, where that says another."""
    if policy.overridden is None or policy.overridden[1] == policy.threshold:
        return ""
    return f"; {policy.overridden[0]}: {threshold_text(policy.overridden[1])}"


def _details(verdict: Verdict) -> list[str]:
    subject, matches = verdict.matches.subject, verdict.matches
    lines = ["", *pair_lines(verdict)]
    lines += [
        f"  rule       {settings(verdict.policy)}{rule_words(verdict)}",
        f"  rate       {bounds(verdict)}",
        *chance_lines(verdict),
        *part_chance_lines(verdict),
        *([f"  counts     {counts(verdict)}"] if counts(verdict) else []),
        *([f"  blank      {information_text(low)}"] if (low := information_data(verdict))["samples"] else []),
        *([f"  objects    {told}"] if (told := objects_line(verdict)) else []),
        f"  samples    {verdict.samples} of {subject.source}",
        *model_lines(subject.model),
        *([f"  prompts    {subject.prompted}"] if subject.prompted else []),
        *([f"  captions   {told}"] if (told := captions_text(captions_data(verdict))) else []),
        f"  index      {subject.index}: {plural(matches.searched, 'training image')}, {searched(matches.by)}",
        f"  embedder   {subject.embedder}, {subject.preprocessing}",
    ]
    if told := complexity_text(complexity_data(verdict)):
        lines.append(f"  complexity {told}")
    accepted = accepted_lines(_of_accepted(verdict), SHOWN)
    lines += [f"  {'accepted' if not place else '':8}   {line}" for place, line in enumerate(accepted)]
    if verdict.control.asked:
        lines.append(f"  control    {controlled(control_data(verdict), verdict.policy.threshold)}")
    lines += part_control_lines(verdict)
    if (stored := matches.stored) is not None:
        lines.append(f"  matches    {stored_text(stored, subject)}")
    if matches.by.exact and matches.by.note:
        lines.append(f"  engine     the exact scan decided: {matches.by.note}")
    lines += [f"  EXPIRED    {line}" for line in expired_lines(_of_accepted(verdict))]
    if unused := unused_line(_of_accepted(verdict)):
        lines.append(f"  unused     {unused}")
    lines += [f"  WARNING    {said}" for said in warnings(verdict_data(verdict, neighbours=0))]
    if verdict.outcome is Outcome.INCONCLUSIVE:
        lines.append(f"  to settle  {_needed(verdict)}")
    elif verdict.outcome is Outcome.FAIL:
        lines.append(f"  look       {_look(subject)}")
        lines += again_lines(
            subject.model,
            worst_first(verdict)[0].sample,
            subject.samples,
            subject.seeds,
            subject.prompts,
            subject.labels,
        )
    return lines


def _look(subject: Subject) -> str:
    """How to see both images of a pair."""
    surroundings = current()
    if (page := surroundings.page() if surroundings is not None else None) is not None:
        return f"{page} shows both images of each pair, once the run has ended"
    if subject.model is not None and not subject.model.ready:  # there are no files of its samples
        return (
            "have both images of each pair drawn: --replication-report FOLDER or --replication-pictures "
            "FOLDER in pytest, --report FOLDER or --pictures FILE.png of 'pytest-replication check'"
        )
    return (
        f"open both images of a pair, or have them drawn: 'pytest-replication check {subject.index} SAMPLES "
        "--pictures FILE.png', --replication-pictures FOLDER in pytest; "
        f"'pytest-replication search {subject.index} SAMPLE' lists more neighbours"
    )


def _of_accepted(verdict: Verdict) -> dict[str, Any]:
    """What `verdict_data` says of accepted matches, without the rest."""
    return {
        "accepted": accepted_data(verdict),
        "threshold": verdict.policy.threshold,
        "pairs": [{"sample_number": match.sample} for match in verdict.replicated],
    }


def _claim(verdict: Verdict) -> str:
    limit, outcome = verdict.policy.max_rate, verdict.outcome
    if limit == 0:
        return ""
    if outcome is Outcome.PASS:
        return f": the rate is below {percent(verdict.rate_upper)}, within max rate {percent(limit)}"
    if outcome is Outcome.FAIL:
        return f": the rate is above {percent(verdict.rate_lower)}, beyond max rate {percent(limit)}"
    return (
        f": inconclusive, the rate may be from {percent(verdict.rate_lower)} to "
        f"{percent(verdict.rate_upper)}, max rate is {percent(limit)}"
    )


def _needed(verdict: Verdict) -> str:
    if verdict.undecided:
        return to_settle(verdict)
    if verdict.unchecked:
        return to_check(verdict)
    if verdict.policy.unprovable:
        return "more samples will not: innocent ones alone reach the tolerated rate, as the WARNING says"
    if verdict.needed is None:
        return "the observed rate is at the limit: no feasible number of samples tells them apart"
    of = verdict.policy.per
    return f"about {verdict.needed} {of}s, if the observed rate holds; {verdict.tally.of(of)[1]} were given"
