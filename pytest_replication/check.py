"""The one path from samples, an index and a policy to a verdict.

Every way of asking (an assertion, a fixture, the command line) comes through `measure`,
and this is the only module that knows every stage.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_replication.accepted import NOTHING, Accepted
from pytest_replication.accepted.file import read_accepted
from pytest_replication.accepted.sorting import most_accepted
from pytest_replication.controls import Guard, draw
from pytest_replication.controls.parts import PartGuard, draw_parts
from pytest_replication.errors import (
    ReplicationError,
    SearchError,
    SettingsError,
)
from pytest_replication.images.content import Digests
from pytest_replication.index.calibration import is_stale
from pytest_replication.index.reader import Index, open_index
from pytest_replication.index.shard import Record
from pytest_replication.judging import judge
from pytest_replication.models.samples import Samples
from pytest_replication.object_rules import ObjectsGiven, find_object_rule
from pytest_replication.policy import Policy
from pytest_replication.rules import find_policy, settle, with_p_values
from pytest_replication.search import Matches, Neighbours, SearchedBy, Subject, name_matches, search
from pytest_replication.search.captions import with_own
from pytest_replication.search.embed import Light, embed_images
from pytest_replication.search.evidence import Information, with_complexity, with_evidence
from pytest_replication.search.objects import CANDIDATES, find_objects, require_features_at_hand
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.search.rescore import Rescoring, rescore
from pytest_replication.search.sightings import Sightings
from pytest_replication.surroundings import EXACT, CanaryChoice, EngineChoice, Surroundings, current
from pytest_replication.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for; None leaves it to the pytest run, or to the index.

    Attributes:
        threshold: as the arguments of `check_replication`, as are all up to ``name``.
        per: what the rate counts: ``sample`` or ``prompt``.
        claimed: whether the call is about a rate, so that one of 0 is a mistake.
    """

    threshold: float | None = None
    max_rate: float | None = None
    index: Index | str | os.PathLike[str] | None = None
    confidence: float = 0.95
    top_k: int = 5
    engine: EngineChoice | None = None
    allow_unproved: bool | None = None
    accepted: Accepted | str | os.PathLike[str] | None = None
    fdr: float | None = None
    canaries: int | None = None
    complexity: bool | None = None
    objects: ObjectsGiven = None
    name: str = ""
    per: str = "sample"
    claimed: bool = False


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
    try:
        opened = index_for(asked.index, run)
        policy = _policy(asked, opened, run)
        choice = asked.engine or (EngineChoice() if run is None else run.engine())
        guard, taken = choose_canaries(asked.canaries, run), Samples.of(samples)
        information = Information(_wanted(asked.complexity, run))
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
    except Exception as error:
        if run is not None:
            run.broke()
        if isinstance(error, ReplicationError):
            raise
        raise ReplicationError(f"the check broke down: {type(error).__name__}: {error}") from error
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
    policy = settle(_policy(asked, index, run), index, samples or 1)
    choice = choose_canaries(asked.canaries, run)
    draw(index, _line(policy), choice)
    _part_guard(policy, index, choice)


def _part_guard(policy: Policy, index: Index, choice: CanaryChoice) -> PartGuard | None:
    """The canaries of parts of a check; None where parts do not count."""
    if policy.objects is None:
        return None
    require_features_at_hand(index)
    return draw_parts(index, policy.objects.inliers, choice)


def _line(policy: Policy) -> float | Callable[[Record], float]:
    return policy.threshold if policy.groups is None else policy.threshold_near


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
    guard = draw(index, _line(policy), canaries or CanaryChoice())
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


def embed_guarded(
    samples: Samples,
    index: Index,
    k: int,
    name: str,
    guard: Guard,
    information: Information | None = None,
) -> tuple[NDArray[np.float32], Subject]:
    """Embed samples and canaries as one stream: (n + canaries, views, dim)."""
    if k < 1:
        raise SettingsError(f"{k} nearest training images are wanted: give 1 or more")
    light, digests = Light(samples), Digests()
    stream = light.watch(digests.watch((information or Information()).watch(samples)))
    vectors = embed_images(index, guard.among(stream, len(samples)))
    light.require()
    own = vectors[~guard.mask(len(samples))]
    distinct = len(np.unique(own.reshape(len(samples), -1).round(4), axis=0))
    return vectors, _subject(index, samples, distinct, name, digests)


def index_for(given: Index | str | os.PathLike[str] | None, run: Surroundings | None) -> Index:
    """The index that a check is about: that of the call, else that of the run.

    Raises:
        SettingsError: there is none.
        IndexUnavailable: it cannot be used.
    """
    if isinstance(given, Index):
        return given
    if given is not None:
        return open_index(given) if run is None else run.index(os.fspath(given))
    if run is None:
        raise SettingsError(
            "there is no index to check against: outside a pytest test (or in another thread of one) "
            "give index=, an open index or its folder"
        )
    return run.index()


def choose_canaries(given: object, run: Surroundings | None) -> CanaryChoice:
    """How many canaries a call wants, else the run.

    Raises:
        SettingsError: no number of them.
    """
    chosen = (given, "call") if given is not None else None
    if chosen is None and run is not None:
        chosen = run.canaries()
    if chosen is None:
        return CanaryChoice()
    count, source = chosen
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
        raise SettingsError(f"canaries is {count!r} ({source}); expected a whole number from 0 on")
    return CanaryChoice(int(count), source)


def _policy(asked: Asked, index: Index, run: Surroundings | None) -> Policy:
    """What the call tolerates, else the run, the index or its embedder."""
    found = find_policy(asked.threshold, asked.fdr, asked.max_rate, asked.confidence, index, run)
    found = replace(found, allow_unproved=choose_allowed(asked.allow_unproved, run), per=asked.per)
    found = replace(found, accepted=_accepted(asked.accepted, run))
    found = replace(found, objects=find_object_rule(asked.objects, index, run))
    if asked.claimed and found.max_rate == 0:
        raise SettingsError("no number of samples proves a rate of 0: claim one above it, such as 0.01")
    return found


def _wanted(given: object, run: Surroundings | None) -> bool:
    if given is None:
        return run is not None and run.complexity()
    if not isinstance(given, bool):
        raise SettingsError(f"complexity is {given!r}; expected True or False")
    return given


def _accepted(given: Accepted | str | os.PathLike[str] | None, run: Surroundings | None) -> Accepted:
    if isinstance(given, Accepted):
        return given
    path = given if given is not None or run is None else run.accepted()
    return NOTHING if path is None else read_accepted(os.fspath(path))


def choose_allowed(given: object, run: Surroundings | None) -> bool:
    """Whether a call lets unproved vectors pass, else the run.

    Raises:
        SettingsError: neither yes nor no.
    """
    if given is None:
        return run is not None and run.allow_unproved()
    if not isinstance(given, bool):
        raise SettingsError(f"allow_unproved is {given!r}; expected True or False")
    return given


def _subject(index: Index, samples: Samples, distinct: int, name: str, digests: Digests) -> Subject:
    pinned = index.manifest.embedder
    return Subject(
        samples=samples.names,
        source=samples.source,
        seeds=samples.seeds,
        prompts=samples.prompts,
        index=index.label or str(index.path),
        rejected=index.manifest.rejected,
        removed=index.manifest.opted_out,
        unproved=index.manifest.unproved,
        fingerprint=index.manifest.fingerprint,
        embedder=pinned.name,
        preprocessing=pinned.preprocessing,
        weights_sha256=pinned.weights_sha256,
        distinct=distinct,
        check=name,
        stale=is_stale(index.manifest),
        sample_sha256=tuple(digests.taken),
        labels=samples.labels,
        model=samples.model,
        prompted=samples.prompted.source if samples.prompted is not None else "",
    )
