"""Engines on disk, below INDEX/engines/NAME: caches that can be made again, never the truth.

An engine becomes visible by one rename of a finished folder. Whatever is in the folder is compared
with its digest before the engine's own loader, which checks next to nothing, gets to see it.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from pytest_replication.errors import BuildError, IndexUnavailable, SearchError, SettingsError
from pytest_replication.index.layout import ENGINES
from pytest_replication.index.lock import engines_locked
from pytest_replication.index.manifest import now
from pytest_replication.index.opening import index_as_it_is
from pytest_replication.index.reader import Index
from pytest_replication.search.engines.base import Engine
from pytest_replication.search.engines.certificate import Certificate
from pytest_replication.search.engines.entry import METRIC, NAME, EngineEntry, generation_of, parse_entry
from pytest_replication.search.engines.files import check_files, describe, put_in_place, write_entry
from pytest_replication.search.engines.registry import engine_class, engine_names
from pytest_replication.search.engines.selftest import prove
from pytest_replication.search.vectors import check_vectors, count_vectors


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
        IndexLocked: another process builds an engine of this index, or compacts it.
        BuildError: it cannot be built or written, or the index has changed since it was opened; an
            older one is kept.
    """
    engine = engine_class(name)
    library = engine.library()
    prove(engine, index.manifest.embedder.dim)
    _check_unchanged(index, name)
    check_vectors(index, progress=progress)
    folder = index.path / ENGINES
    with engines_locked(index.path):
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
            _check_unchanged(index, name)  # again: building takes hours
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
        engine = kind.open(folder, entry)
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise SearchError(
            f"{folder / NAME} does not fit the files beside it ({error!r}): {_rebuild(index, name)}"
        ) from error
    if read_entry(index, name).files != entry.files:  # then what was loaded is not what was compared
        raise SearchError(f"{folder} was built anew while it was opened: open it again")
    return engine


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
    with engines_locked(index.path):
        entry = read_entry(index, name)
        if not entry.owns(certificate):
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


def _check_unchanged(index: Index, name: str) -> None:
    """Refuse to make an engine of vectors that the index on disk holds no more."""
    try:
        found = generation_of(index_as_it_is(index.path))
    except IndexUnavailable:
        found = ""
    if found != generation_of(index):
        raise BuildError(
            f"{index.path} has changed since it was opened to build its {name} engine: "
            f"'pytest-replication engine {index.path} {name}' builds one of what it holds now"
        )


def _folder(index: Index, name: str) -> Path:
    return index.path / ENGINES / name


def _rebuild(index: Index, name: str) -> str:
    return f"build it with 'pytest-replication engine {index.path} {name}' and the --threshold of your checks"
