"""The pairs of a verdict in lines of text: those that a reader has to look at, the worst first."""

from __future__ import annotations

from typing import Any

from pytest_replication.reports.about import severity_of_pair
from pytest_replication.reports.captions import own_text
from pytest_replication.reports.objects import beside_lines, part_beside, part_lines
from pytest_replication.reports.pixel_evidence import evidence_text
from pytest_replication.score_text import score_text, threshold_text
from pytest_replication.search.match import Match
from pytest_replication.verdicts import Verdict

SHOWN = 10
"""Pairs that a message lists."""


def pair_lines(verdict: Verdict) -> list[str]:
    """The pairs that are replicated; where none is, those that are undecided, or the closest."""
    hits = worst_first(verdict)
    shown = hits[:SHOWN] or verdict.undecided[:SHOWN] or [verdict.closest]
    title = "replicated, worst first" if hits else "undecided" if verdict.undecided else "closest pair"
    if len(hits) > SHOWN:
        title += f" (showing {SHOWN} of {len(hits)})"
    lines = [f"  {title}"]
    for match in shown:
        lines += _pair(verdict, match)
    return lines


def worst_first(verdict: Verdict) -> list[Match]:
    """The replicated pairs, that first which lies farthest beyond its rule."""
    return sorted(verdict.replicated, key=lambda match: -_severity(verdict, match))


def _severity(verdict: Verdict, match: Match) -> float:
    """How far the score of a pair, or a part of it, lies beyond the rule: all reports order pairs by that."""
    rule, beside = verdict.policy.objects, part_beside(verdict, match)
    pair: dict[str, Any] = {"score": match.score, "threshold": verdict.policy.threshold_for(match)}
    part = beside if beside is not None and beside.row == match.row else match
    pair |= {"part": {"points": part.points}} if part.points else {}
    return severity_of_pair({"objects": None if rule is None else {"points": rule.points}}, pair)


def _pair(verdict: Verdict, match: Match) -> list[str]:
    if match.part is not None:
        return part_lines(match, *_names(verdict, match))
    subject, record = verdict.matches.subject, match.record
    score = score_text(match.score, verdict.policy.threshold_for(match)) + _next(verdict, match)
    seed = f" (seed {subject.seeds[match.sample]})" if subject.seeds else ""
    seed += f" (class {subject.labels[match.sample]})" if subject.labels else ""
    prompt = f' "{subject.prompts[match.sample][:60]}"' if subject.prompts else ""
    view = f" [{match.view}]" if match.view != "whole" else ""
    caption = f' "{record.caption[:60]}"' if record.caption else ""
    label = "" if record.label is None else f" (class {record.label})"
    told = f"{view}{label}{caption}{_copies(match)}{evidence_text(match)}"
    own = own_text(verdict, match)
    return [
        f"    {score}  sample    {subject.samples[match.sample]}{seed}{prompt}",
        f"    {' ' * len(score)}  training  {record.uri}{told}",
        *([f"    {' ' * len(score)}  caption   {own}"] if own else []),
        *_beside(verdict, match, len(score)),
    ]


def _beside(verdict: Verdict, match: Match, width: int) -> list[str]:
    """The part that was found, too, below a pair whose score speaks."""
    found = part_beside(verdict, match)
    return [] if found is None else beside_lines(found, match, width)


def _names(verdict: Verdict, match: Match) -> tuple[str, str]:
    """A sample and a training image, as a pair of parts names them."""
    subject, record = verdict.matches.subject, match.record
    seed = f" (seed {subject.seeds[match.sample]})" if subject.seeds else ""
    label = "" if record.label is None else f" (class {record.label})"
    return f"{subject.samples[match.sample]}{seed}", f"{record.uri}{label}"


def _copies(match: Match) -> str:
    """What else in the training set is like the training image: duplication drives replication."""
    copies, exact = match.copies or 1, match.exact or 1
    if copies == 1 or match.alike is None:
        return ""
    if exact == copies:
        return f", stands {exact} times in the training set"
    same = f", {exact} of them exactly the same" if exact > 1 else ""
    return f", {copies} training images score >= {threshold_text(match.alike)} with it, itself included{same}"


def _next(verdict: Verdict, match: Match) -> str:
    """Score of the next training image (far below for a copy of one image) and the conformal p-value."""
    found = verdict.matches.of[match.sample]
    place = found.index(match)
    following = found[place + 1 : place + 2]
    told = [f"next {score_text(one.score, verdict.policy.threshold_for(one))}" for one in following]
    p_value = verdict.matches.p_value(match.sample, place)
    told += [] if p_value is None else [f"p {p_value:.2g}"]
    return f" ({', '.join(told)})" if told else ""
