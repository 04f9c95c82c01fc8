"""Engines on disk, below INDEX/engines/NAME: caches that can be made again, never the truth.

An engine becomes visible by one rename of a finished folder. Whatever is in the folder is compared
with its digest before the engine's own loader, which checks next to nothing, gets to see it.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from pytest_replication.errors import BuildError, SearchError, SettingsError
from pytest_replication.index.layout import ENGINES
from pytest_replication.index.manifest import now
from pytest_replication.index.reader import Index
from pytest_replication.search.engines.base import Engine
from pytest_replication.search.engines.certificate import CONFIDENCE, Certificate
from pytest_replication.search.engines.entry import METRIC, NAME, EngineEntry, generation_of, parse_entry
from pytest_replication.search.engines.files import (
    check_files,
    describe,
    locked,
    put_in_place,
    write_entry,
)
from pytest_replication.search.engines.registry import engine_class, engine_names
from pytest_replication.search.engines.selftest import prove
from pytest_replication.search.engines.vectors import check_vectors, count_vectors


def build_engine(index: Index, name: str, *, progress: bool = True) -> EngineEntry:
    """Build an engine for all stored vectors of an index; it takes the place of an older one.

    Args:
        index: an open index. Its vectors are compared with their sha256 before.
        name: of the engine.
        progress: show progress bars when standard error is a terminal.

    Raises:
        SettingsError: no engine of that name, or its library is not installed.
        SearchError: its library gives wrong results on this machine.
        IndexCorrupt: a shard is damaged.
        IndexLocked: another process builds an engine of this index.
        BuildError: it cannot be built or written; an older one is kept.
    """
    engine = engine_class(name)
    library = engine.library()
    prove(engine, index.manifest.embedder.dim)
    check_vectors(index, progress=progress)
    folder = index.path / ENGINES
    with locked(folder):
        temporary = folder / f".new-{name}"
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            started = time.monotonic()
            built = engine.build(index, temporary, progress=progress)
            entry = EngineEntry(
                engine=name,
                library=library,
                parameters=built.parameters,
                effort=built.effort,
                dim=index.manifest.embedder.dim,
                views=len(index.manifest.views),
                vectors=count_vectors(index),
                metric=METRIC,
                generation=generation_of(index),
                seconds=round(time.monotonic() - started, 3),
                created=now(),
                files=describe(temporary),
            )
            write_entry(temporary, entry)
            put_in_place(temporary, folder / name)
        except OSError as error:
            raise BuildError(
                f"the {name} engine of {index.path} cannot be written ({error}): free some space in {folder}"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return entry


def open_engine(index: Index, name: str) -> Engine:
    """Open an engine of an index, after every byte of it was compared with its digest.

    Raises:
        SettingsError: no engine of that name, or its library is not installed.
        SearchError: there is none, it is damaged, it belongs to other vectors or another version of
            its library, or its library gives wrong results on this machine.
    """
    kind = engine_class(name)
    library = kind.library()
    entry, folder = read_entry(index, name), _folder(index, name)
    if entry.library != library:
        raise SearchError(f"{folder} was made by {entry.library}, here is {library}: {_rebuild(index, name)}")
    check_files(folder, entry.files, _rebuild(index, name))
    prove(kind, entry.dim)
    try:
        return kind.open(folder, entry)
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise SearchError(
            f"{folder / NAME} does not fit the files beside it ({error!r}): {_rebuild(index, name)}"
        ) from error


def read_entry(index: Index, name: str) -> EngineEntry:
    """Read what an engine is, and check that it belongs to the vectors of the index as they are.

    Raises:
        SettingsError: no engine of that name.
        SearchError: there is none, its engine.json is damaged, or it belongs to other vectors.
    """
    engine_class(name)
    path = _folder(index, name) / NAME
    try:
        entry = parse_entry(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SearchError(f"{index.path} has no {name} engine: {_rebuild(index, name)}") from error
    except (OSError, ValueError) as error:
        raise SearchError(f"{path} is damaged ({error}): {_rebuild(index, name)}") from error
    expected = {
        "engine": name,
        "dim": index.manifest.embedder.dim,
        "views": len(index.manifest.views),
        "vectors": count_vectors(index),
        "metric": METRIC,
        "generation": generation_of(index),
    }
    for key, value in expected.items():
        if getattr(entry, key) != value:
            raise SearchError(
                f"{path} is for other vectors than {index.path} holds now ({key} is {getattr(entry, key)}, "
                f"expected {value}): {_rebuild(index, name)}"
            )
    return entry


def built_engines(index: Index) -> list[str]:
    """Names of the engines that lie beside an index, in whatever state."""
    return [name for name in engine_names() if (_folder(index, name) / NAME).is_file()]


def damage(index: Index, name: str) -> str | None:
    """Compare the files of an engine with what was written, whatever vectors they belong to.

    Returns:
        What is wrong with them, None if nothing is.
    """
    folder = _folder(index, name)
    try:
        entry = parse_entry((folder / NAME).read_text(encoding="utf-8"))
        check_files(folder, entry.files, _rebuild(index, name))
    except (OSError, ValueError) as error:
        return f"{folder / NAME} is damaged ({error}): {_rebuild(index, name)}"
    except SearchError as error:
        return str(error)
    return None


def add_certificate(index: Index, certificate: Certificate) -> EngineEntry:
    """Store a certificate with its engine.

    Raises:
        SearchError: the engine was built anew since, or the certificate does not add up.
        IndexLocked: another process builds an engine of this index.
        BuildError: it cannot be written.
    """
    name = certificate.engine
    with locked(index.path / ENGINES):
        entry = read_entry(index, name)
        same = certificate.generation == entry.generation
        if not (same and certificate.sound and dict(certificate.parameters) == dict(entry.parameters)):
            raise SearchError(
                f"the certificate for {certificate.threshold:g} is not one of the {name} engine that "
                f"{index.path} has now: certify it again"
            )
        entry = entry.with_certificate(certificate)
        try:
            write_entry(_folder(index, name), entry)
        except OSError as error:
            raise BuildError(f"{_folder(index, name) / NAME} cannot be written: {error}") from error
    return entry


def certificate_for(
    index: Index, name: str, threshold: float, min_recall: float, k: int, *, confidence: float = CONFIDENCE
) -> Certificate | None:
    """Look up the certificate that lets a gate pass on the word of an engine.

    Args:
        index: an open index.
        name: of the engine.
        threshold: of the gate. Only a certificate for the same one (to 6 decimals) will do.
        min_recall: that the gate demands.
        k: candidates that the gate asks for each vector. Asking for more than was certified finds
            more, so certificates for k or fewer will do.
        confidence: that the gate demands.

    Returns:
        The one with the least effort; the engine has to be searched with that. None if none will do.

    Raises:
        SettingsError, SearchError: as `read_entry`.
    """
    entry = read_entry(index, name)
    fit = [c for c in entry.certificates if c.covers(threshold, min_recall, k, entry.generation, confidence)]
    return min(fit, key=lambda certificate: certificate.effort, default=None)


def _folder(index: Index, name: str) -> Path:
    return index.path / ENGINES / name


def _rebuild(index: Index, name: str) -> str:
    return f"build it with 'pytest-replication engine {index.path} {name}'"
