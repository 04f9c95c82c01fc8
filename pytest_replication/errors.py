"""Everything that this package raises on purpose.

::

    AssertionError
    └── ReplicationDetected          the model copies: the only failure
    ReplicationError                 the gate could not tell: never a pass, never that failure
    ├── PackageUnavailable           a package that this one needs is missing or broken
    ├── SettingsError                a setting has a value that cannot be used
    │   ├── ThresholdMissing         no threshold was given and the embedder has no default
    │   └── UnknownName              a set, an embedder or a score was named that there is not
    ├── IndexUnavailable             there is no index that could be searched
    │   ├── IndexNotFound            (also FileNotFoundError)
    │   ├── IndexIncomplete          its build has not finished
    │   ├── IndexCorrupt             its files are not the ones that were written
    │   ├── IndexVersionUnsupported  it was written in another format
    │   └── IndexLocked              another process is writing it
    ├── IndexMismatch                the embedder at hand is not the one of the index, or nothing proves it
    ├── BuildError                   an index could not be built
    │   ├── SourceError              the training images cannot be listed, or changed since
    │   └── TooManyRejected          more images were unreadable than was allowed
    ├── SampleError                  samples are missing, unreadable or out of range
    ├── ModelError                   the model under test cannot be loaded, or fails
    ├── EmbedderError                the embedder misbehaves
    │   └── EmbedderUnavailable      its weights or a package that it needs are missing
    ├── CalibrationError             a calibration cannot be made, or is not of the index as it is now
    ├── SearchError                  the search cannot vouch for its own result
    ├── AcceptedFileError            the file of accepted matches is missing, malformed, or cannot be changed
    ├── MatchesFileError             a file of matches is missing, damaged or of another format
    ├── ResultsError                 a file of results is missing or damaged, or cannot be written
    ├── BaselineError                a run cannot be compared with the baseline, or that cannot be written
    ├── ControlFailed                the gate does not find the copies that were planted to be found
    ├── BenchmarkError               a benchmark has no sets, pictures or truth that it could use
    ├── ExperimentError              an experiment lacks what it measures, or cannot write what it found
    └── Inconclusive                 too few samples for the rate that was claimed
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from pytest_replication.escape import lines

if TYPE_CHECKING:
    from pytest_replication.extraction_verdicts import ExtractionVerdict
    from pytest_replication.screen_verdicts import ScreenVerdict
    from pytest_replication.set_verdicts import SetVerdict
    from pytest_replication.verdicts import Verdict

    AnyVerdict: TypeAlias = Verdict | ExtractionVerdict | SetVerdict | ScreenVerdict


def meant(name: str, known: Iterable[str]) -> str:
    """The known name that a misspelt one is nearest to, as a question to put behind it; empty for none."""
    import difflib

    close = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def is_breakage(error: BaseException) -> bool:
    """Whether something broke down, as opposed to an interruption or what a test framework ends tests with.

    `SystemExit`, with which code of a user may end a program, is no `Exception`, and neither is the panic of
    a library that is written in Rust. `pytest.exit` raises one, and is no breakage.
    """
    if type(error).__module__ == "_pytest.outcomes":
        return False
    return isinstance(error, (Exception, SystemExit)) or type(error).__module__ == "pyo3_runtime"


def unloadable(module: str, error: BaseException) -> PackageUnavailable:
    """The error to raise where a module of this package could not be imported.

    Args:
        module: its name.
        error: with which its import ended.
    """
    import traceback

    name = module
    for frame, _ in traceback.walk_tb(error.__traceback__):
        part = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if part not in ("", "_pytest", "importlib", "_frozen_importlib", "_frozen_importlib_external"):
            name = module if part == "pytest_replication" else part
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name
    said = (str(error).strip().splitlines() or [""])[0]
    return PackageUnavailable(
        f"{name} cannot be loaded ({type(error).__name__}: {said}), and nothing can be checked without it: "
        "pip install --force-reinstall SOURCE, the checkout, wheel or address that pytest-replication came "
        "from"
    )


class ReplicationError(Exception):
    """The gate could not tell whether the model copies.

    Its text holds nothing that a terminal or a runner of CI takes for more than text, whatever it names.
    """

    def __str__(self) -> str:
        return lines(super().__str__())


class PackageUnavailable(ReplicationError):
    """A module of this package cannot be loaded, or a package that it needs is missing or broken."""


class SettingsError(ReplicationError):
    """A setting has a value that cannot be used."""


class ThresholdMissing(SettingsError):
    """No threshold was given, and the embedder has none of its own."""


class UnknownName(SettingsError):
    """A set, an embedder, a score or the like was named, and there is none of that name."""


class IndexUnavailable(ReplicationError):
    """There is no index that could be searched."""


class IndexNotFound(IndexUnavailable, FileNotFoundError):
    """The folder holds no index."""


class IndexIncomplete(IndexUnavailable):
    """The build of the index has not finished."""


class IndexCorrupt(IndexUnavailable):
    """The files of the index are not the ones that were written."""


class IndexVersionUnsupported(IndexUnavailable):
    """The index was written in a format that this version does not read."""


class IndexLocked(IndexUnavailable):
    """Another process is writing the index."""


class IndexMismatch(ReplicationError):
    """The embedder at hand is not the one that made the index, or nothing proves that it is."""


class BuildError(ReplicationError):
    """An index could not be built."""


class SourceError(BuildError):
    """The training images cannot be listed, or are not those of the build that is resumed."""


class TooManyRejected(BuildError):
    """More training images were unreadable than the build was allowed to leave out."""


class SampleError(ReplicationError):
    """The samples are missing, unreadable or out of range."""


class ModelError(ReplicationError):
    """The model under test cannot be loaded, or raises while it makes samples."""


class EmbedderError(ReplicationError):
    """The embedder gives what an embedder must not give."""


class EmbedderUnavailable(EmbedderError):
    """The weights of the embedder, or a package that it needs, are missing."""


class CalibrationError(ReplicationError):
    """A calibration cannot be made, or is not of the index as it is now."""


class SearchError(ReplicationError):
    """The search cannot vouch for its own result."""


class AcceptedFileError(ReplicationError):
    """The file of accepted matches is missing, malformed, or cannot be changed."""


class MatchesFileError(ReplicationError):
    """A file of matches is missing, damaged, of another format, or cannot be written."""


class ResultsError(ReplicationError):
    """A file of results is missing, damaged, of another format, or cannot be written."""


class BaselineError(ReplicationError):
    """A run cannot be compared with the one that it is to be held against."""


class ControlFailed(ReplicationError):
    """The gate does not find the edited copies of training images that were planted to be found."""


class BenchmarkError(ReplicationError):
    """A benchmark has no set, picture or truth that it could use."""


class ExperimentError(ReplicationError):
    """An experiment lacks what it measures (labels, captions, prompts), or cannot write what it found."""


class Inconclusive(ReplicationError):
    """There are too few samples to prove or refute the rate that was claimed.

    Attributes:
        verdict: the verdict with every number.
    """

    def __init__(self, message: str, verdict: AnyVerdict) -> None:
        super().__init__(message)
        self.verdict = verdict

    def __str__(self) -> str:
        return lines(super().__str__())


class ReplicationDetected(AssertionError):
    """Samples replicate training images: the one failure that speaks about the model.

    Attributes:
        verdict: the verdict with every number.
    """

    def __init__(self, message: str, verdict: AnyVerdict) -> None:
        super().__init__(message)
        self.verdict = verdict

    def __str__(self) -> str:
        return lines(super().__str__())


def _restore(name: str, args: tuple[object, ...], state: dict[str, object]) -> BaseException:
    kind = globals()[name]
    error: BaseException = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def _reduce(error: BaseException) -> str | tuple[object, ...]:
    """Let errors come home from other processes, which would look for their class by its short name."""
    kind = type(error)
    if globals().get(kind.__name__) is not kind:
        return Exception.__reduce__(error)
    return _restore, (kind.__name__, error.args, error.__dict__)


# A test summary has room for one line: the short name leaves it to the message.
for _error in [ReplicationDetected, *(e for e in list(vars().values()) if isinstance(e, type))]:
    if issubclass(_error, (ReplicationError, ReplicationDetected)):
        _error.__module__ = "pytest_replication"
        _error.__reduce__ = _reduce  # type: ignore[method-assign,assignment]
del _error
