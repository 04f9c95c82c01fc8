"""Embedding in several processes: for machines with more cores or devices than one process can use."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_replication.embedders import EmbedderSpec, load_embedder
from pytest_replication.embedders.base import WORKERS
from pytest_replication.errors import BuildError, EmbedderError, ReplicationError
from pytest_replication.images.sources import ImageRef
from pytest_replication.index.entries import FileEntry
from pytest_replication.index.handover import Handover, Parcel
from pytest_replication.index.ingest import ShardEmbedder
from pytest_replication.index.pipeline import Embedded, Pipeline, PipelineOptions, Stopwatch
from pytest_replication.index.probe import check_probe
from pytest_replication.index.side_arrays import Beside


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs to load the same embedder again.

    Attributes:
        embedder: name for `load_embedder`.
        spec: identity that it must have.
        probe: file of the index on whose images it proves itself.
        device: where it runs.
        options: how images are decoded and embedded.
        workers: number of processes, which share the cores.
    """

    embedder: str
    spec: EmbedderSpec
    probe: FileEntry
    device: str
    options: PipelineOptions
    workers: int


class Elsewhere(ShardEmbedder):
    """Embeds whole shards in worker processes.

    The result is the same as in one process: shards and batches are cut alike.

    Args:
        settings: what each worker needs.
        index: folder of the index, whose lock is held.
    """

    def __init__(self, settings: WorkerSettings, index: Path) -> None:
        self.ahead = settings.workers + 1
        self._handover = Handover(index)
        self._left = settings.options.kinds
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(
            settings.workers, spawn, initializer=_start, initargs=(settings, index)
        )

    def submit(self, refs: Iterator[ImageRef], progress: Callable[[int], object]) -> Callable[[], Embedded]:
        """Hand the images of a shard to the next free worker."""
        parcel = self._handover.pack(refs)
        with _told():
            future = self._pool.submit(_embed, parcel)

        def result() -> Embedded:
            with _told():
                found = future.result()
            taken: dict[str, Any] = {what: parcel.take(what) for what in self._left}
            found = replace(found, beside=Beside(**taken))
            parcel.drop()
            progress(len(parcel))
            return found

        return result

    def __exit__(self, *exception: Any) -> None:
        """Stop the workers, after what they are at."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._handover.close()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say what became of a worker that is gone."""
    try:
        yield
    except BrokenProcessPool as error:
        raise BuildError(
            "a worker process died (out of memory, or started by a script without 'if __name__ == "
            '"__main__":\'?): give the same command again, it goes on after the last finished shard; fewer '
            "--workers need less memory"
        ) from error


_pipeline: Pipeline | ReplicationError | None = None
"""What embeds in this process, or why it cannot."""


def _start(settings: WorkerSettings, index: Path) -> None:
    """Make this process a worker: its embedder is loaded once.

    What goes wrong is kept for the first shard: of an error raised here the parent sees only that a
    process is gone.
    """
    global _pipeline
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the workers in order
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.environ[WORKERS] = str(settings.workers)
    try:
        _pipeline = _load(settings, index)
    except ReplicationError as error:
        _pipeline = error
    except Exception as error:  # of any library, and not sure to survive the way to the parent
        _pipeline = BuildError(f"a worker process cannot start: {type(error).__name__}: {error}")


def _load(settings: WorkerSettings, index: Path) -> Pipeline:
    embedder = load_embedder(settings.embedder, preset=settings.spec.preset, device=settings.device)
    if differences := embedder.spec.differences(settings.spec):
        raise EmbedderError(f"a worker process loaded another embedder: {'; '.join(differences)}")
    check_probe(index, settings.probe, embedder)  # its device or its surroundings may be others
    return Pipeline(embedder, settings.options, Stopwatch())


def _embed(parcel: Parcel) -> Embedded:
    if isinstance(_pipeline, ReplicationError):
        raise _pipeline
    assert _pipeline is not None  # noqa: S101
    found = _pipeline.embed(parcel.open(), lambda done: None)
    for what, left in found.beside:
        parcel.leave(what, left)
    return replace(found, beside=Beside())


def _die_with_parent() -> None:
    """End when the parent does, also when it is killed: a worker must not outlive its build."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        with contextlib.suppress(OSError):
            multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
