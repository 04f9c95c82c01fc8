"""The one path from samples, an index and a policy to a verdict about replication.

Every way of asking for one (an assertion, a fixture, the command line) comes through `measure`, and this is
the only module that knows every stage. Verdicts of other kinds have paths of their own: `extraction`,
`set_checks`, `control_check` and `screens`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_replication.accepted import Accepted
from pytest_replication.accepted.sorting import most_accepted
from pytest_replication.asked import (
    Asked,
    asked_policy,
    breakage_told,
    choose_canaries,
    choose_complexity,
    index_for,
)
from pytest_replication.choices import EXACT, CanaryChoice, EngineChoice
from pytest_replication.controls import Guard, draw
from pytest_replication.controls.embed import embed_guarded
from pytest_replication.controls.parts import PartGuard, draw_parts
from pytest_replication.errors import SearchError
from pytest_replication.index.reader import Index
from pytest_replication.judging import judge
from pytest_replication.models.samples import Samples
from pytest_replication.object_rules import ObjectsGiven
from pytest_replication.policy import Policy
from pytest_replication.rules import settle, with_p_values
from pytest_replication.search import Matches, Neighbours, SearchedBy, Subject, name_matches, search
from pytest_replication.search.captions import with_own
from pytest_replication.search.evidence import Information, with_complexity, with_evidence
from pytest_replication.search.objects import CANDIDATES, find_objects, require_features_at_hand
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.search.rescore import Rescoring, rescore
from pytest_replication.search.sightings import Sightings
from pytest_replication.surroundings import current
from pytest_replication.verdicts import Verdict


def check_replication(
    samples: object,
    threshold: float | None = None,
    *,
    max_rate: float | None = None,
    index: Index | str | os.PathLike[str] | None = None,
    confidence: float = 0.95,
    top_k: int = 5,
    engine: EngineChoice | None = None,
    allow_unproved: bool | None = None,
    accepted: Accepted | str | os.PathLike[str] | None = None,
    fdr: float | None = None,
    canaries: int | None = None,
    complexity: bool | None = None,
    objects: ObjectsGiven = None,
    name: str = "",
) -> Verdict:
    """Measure how close samples come to the training set, and judge it. Asserts nothing.

    Args:
        samples: a list of PIL images, a numpy array (n, h, w, 3 | 1) of uint8 or of floats in
            [0, 1], a torch tensor (n, 3 | 1, h, w) in [0, 1], a folder, a list of paths, or
            `Samples`.
        threshold: a sample whose score reaches it is replicated. None for that of the marker,
            the command line, the ini file, the calibration of the index or the embedder, in this order.
        max_rate: share of replicated samples that is tolerated; above 0 it is a claim about the
            model's rate (see `Policy`). None for that of the marker, the command line or the ini
            file, else 0.
        index: an open index or its folder; None for that of the pytest run.
        confidence: of the bounds of the rate.
        top_k: nearest training images that are kept a sample.
        engine: what searches; None for that of the pytest run, else the exact scan.
        allow_unproved: let vectors of an import that nothing proves bring more than a failure; else
            that is an error. None for what the pytest run says, else False.
        accepted: matches that people looked at and that do not count: their file (see
            `accepted.file`), or what was read of it; ``Accepted()`` for none. None for the file of the
            pytest run, if it has one.
        fdr: in the place of a threshold, the share of the replicated samples that may be innocent, on
            average: Benjamini-Hochberg over conformal p-values. Takes a calibrated index.
        canaries: edited copies of training images that were planted in the index and that this check has
            to find among its samples, 0 for no control. None for that of the command line or the ini file,
            else 16, where the index has some.
        complexity: measure the complexity figures of samples and of their nearest training images, too, and
            how they go with the score. None for what the pytest run says, else False.
        objects: a part of a sample that is a copy of a part of a training image makes the sample replicated,
            too: True, or from how many points on, as a number or an `ObjectRule`. None for what the pytest
            run says, else False.
        name: what reports call this check.

    Returns:
        The verdict, with every match.

    Raises:
        ReplicationError: the samples, the index or the settings do not allow a verdict.
    """
    asked = Asked(
        threshold,
        max_rate=max_rate,
        index=index,
        confidence=confidence,
        top_k=top_k,
        engine=engine,
        allow_unproved=allow_unproved,
        accepted=accepted,
        fdr=fdr,
        canaries=canaries,
        complexity=complexity,
        objects=objects,
        name=name,
    )
    return measure(samples, asked, asserted=False)


def measure(samples: object, asked: Asked, *, asserted: bool) -> Verdict:
    """Do what `check_replication` says, and tell the run whether the verdict fails the test."""
    run = current()
    if run is not None:
        run.begin()
    with breakage_told(run):
        opened = index_for(asked.index, run)
        policy = asked_policy(asked, opened, run)
        choice = asked.engine or (EngineChoice() if run is None else run.engine())
        guard, taken = choose_canaries(asked.canaries, run), Samples.of(samples)
        information = Information(choose_complexity(asked.complexity, run))
        policy = settle(policy, opened, len(taken))
        verdict = decide(
            taken,
            opened,
            policy,
            choice,
            asked.top_k,
            name=asked.name,
            canaries=guard,
            information=information,
        )
    if run is not None:
        run.record(verdict, asserted)
        run.picture(verdict, taken, opened)
    return verdict


def require_rule(asked: Asked, samples: int | None = None) -> None:
    """Find out before samples are made, which may take hours, whether a check could judge them.

    Args:
        asked: what the check will ask for.
        samples: how many there will be, None where that is not known.

    Raises:
        ReplicationError: the index, its embedder, its canaries or the settings do not allow a verdict.
    """
    run = current()
    index = index_for(asked.index, run)
    _ = index.embedder
    policy = settle(asked_policy(asked, index, run), index, samples or 1)
    choice = choose_canaries(asked.canaries, run)
    draw(index, policy.line, choice)
    _part_guard(policy, index, choice)


def _part_guard(policy: Policy, index: Index, choice: CanaryChoice) -> PartGuard | None:
    """The canaries of parts of a check; None where parts do not count."""
    if policy.objects is None:
        return None
    require_features_at_hand(index)
    return draw_parts(index, policy.objects.points, choice)


def decide(
    samples: Samples,
    index: Index,
    policy: Policy,
    choice: EngineChoice,
    k: int = 5,
    *,
    name: str = "",
    canaries: CanaryChoice | None = None,
    information: Information | None = None,
) -> Verdict:
    """Search and judge: first as an approximate engine sees it, if one is chosen.

    Its verdict stands if it is a failure, since what it finds is real, or if a certificate proves how
    little it overlooks. Else the exact scan decides, and the verdict says why. Canaries go with the samples
    all the way, and are told apart from them when both are found.

    Raises:
        ReplicationError: as `check_replication`.
    """
    guard = draw(index, policy.line, canaries or CanaryChoice())
    part_guard = _part_guard(policy, index, canaries or CanaryChoice())
    information = information or Information()
    vectors, subject = embed_guarded(samples, index, k, name, guard, information)
    own = vectors[~guard.mask(len(samples))]
    objects = None
    if part_guard is not None:
        candidates = CANDIDATES + most_accepted(subject.sample_sha256, policy.accepted)
        found_parts = find_objects(index, *part_guard.among(index, samples, own), candidates)
        objects = part_guard.seen(index, found_parts, candidates)
    seen = _Seen(samples, own, information, objects)
    note = ""
    if choice.engine != EXACT:
        from pytest_replication.search.proposals import propose

        try:
            found, by = propose(index, vectors, k, choice, policy.threshold, policy.confidence)
            return judge(_named(index, found, guard, subject, by, seen, policy), policy)
        except SearchError as refusal:
            note = str(refusal)
    by = SearchedBy(note=note)
    return judge(_named(index, search(index, vectors, k), guard, subject, by, seen, policy), policy)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The samples of a check, as they went by.

    Attributes:
        samples: the samples.
        vectors: (n, views, dim).
        information: how much there is in each.
        objects: copies of parts; None where they are not looked for.
    """

    samples: Samples
    vectors: NDArray[np.float32]
    information: Information
    objects: ObjectsFound | None = None


def _named(
    index: Index,
    found: Neighbours,
    guard: Guard,
    subject: Subject,
    by: SearchedBy,
    seen: _Seen,
    policy: Policy,
) -> Matches:
    """Tell canaries and samples apart, and look at the pixels of the pairs that matter."""
    planted = guard.mask(len(found.rows) - len(guard.canaries))
    matches = name_matches(index, found.part(~planted), subject, by)
    matches = with_own(index, seen.samples.prompted, seen.vectors, matches)
    matches = with_evidence(
        index,
        seen.samples,
        seen.vectors,
        matches,
        seen.information.low,
        lambda match: policy.fdr is not None or match.score >= policy.threshold_near(match.record),
    )
    matches = with_p_values(matches, index)
    if seen.information.wanted:
        matches = with_complexity(index, matches, seen.information.complexity)
    return replace(matches, canaries=guard.seen(index, found.part(planted)), objects=seen.objects)


def nearest(
    samples: Samples,
    index: Index,
    k: int = 5,
    *,
    engine: str = EXACT,
    rescoring: Rescoring | None = None,
) -> Matches:
    """Find the nearest training images of samples, without judging them.

    Args:
        samples: the samples.
        index: an open index.
        k: training images a sample.
        engine: what searches; an approximate one may overlook some.
        rescoring: how more candidates than k are scored again; None to keep the inner product.

    Raises:
        ReplicationError: as `check_replication`.
    """
    if rescoring is not None:
        rescoring.check(index, k)
    count = k if rescoring is None else rescoring.candidates
    vectors, subject = embed_guarded(samples, index, k, "", Guard((), Sightings()))
    if engine == EXACT:
        found, by = search(index, vectors, count), SearchedBy()
    else:
        from pytest_replication.search.proposals import propose

        found, by = propose(index, vectors, count, EngineChoice(engine))
    if rescoring is not None:
        found = rescore(index, samples, found, k, rescoring)
    return name_matches(index, found, subject, by)
