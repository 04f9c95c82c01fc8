"""What was compared with what, for messages and reports."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_replication.models.identity import ModelIdentity


@dataclass(frozen=True, slots=True)
class Subject:
    """What was compared with what, for messages and reports.

    Attributes:
        samples: name of each sample.
        source: where the samples come from.
        seeds: seed of each sample where known, else empty.
        index: folder of the index.
        rejected: training images that are missing from it because they could not be read.
        fingerprint: digest of its content.
        embedder: name of its embedder.
        preprocessing: of its embedder.
        weights_sha256: of its embedder.
        removed: training images that were taken out of it.
        unproved: vectors in it were imported, and nothing proves the embedder that was declared.
        distinct: number of samples that differ from each other, 0 if that was not counted.
        check: what reports call the check; empty for the name of the test.
        stale: the index has a calibration, which was made before it changed and says nothing any more.
        prompts: prompt of each sample where known, else empty.
        sample_sha256: digest of the pixels of each sample (`images.content`), empty if none was taken.
        labels: class of each sample where known, else empty.
        model: what made the samples, None where that is not known.
        prompted: where the prompts come from, in words; empty where that is not known.
    """

    samples: tuple[str, ...]
    source: str
    index: str
    rejected: int
    fingerprint: str
    embedder: str
    preprocessing: str
    weights_sha256: str | None
    seeds: tuple[int, ...] = ()
    removed: int = 0
    unproved: bool = False
    distinct: int = 0
    check: str = ""
    stale: bool = False
    prompts: tuple[str, ...] = ()
    sample_sha256: tuple[str, ...] = ()
    labels: tuple[int | str, ...] = ()
    model: ModelIdentity | None = None
    prompted: str = ""
