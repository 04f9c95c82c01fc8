"""Settings: each declared once, for the command line and the ini file, resolved with its source.

Precedence: call > marker > command line > ini file > calibration of the index > default of the embedder.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_replication._plugin.gate import gates
from pytest_replication.errors import SettingsError
from pytest_replication.surroundings import FEWEST_POINTS


def text(value: str) -> str:
    """Parse a text that is not empty."""
    if not value.strip():
        raise ValueError("is empty")
    return value


def option(value: str) -> str:
    """Parse KEY=VALUE."""
    if not value.partition("=")[0].strip() or "=" not in value:
        raise ValueError("is no KEY=VALUE, such as steps=25")
    return value


def number(value: str) -> float:
    """Parse a finite number."""
    from pytest_replication.reports.words import read_number

    parsed = read_number(value)
    if not math.isfinite(parsed):
        raise ValueError("is not finite")
    return parsed


def score(value: str) -> float:
    """Parse a threshold."""
    parsed = number(value)
    if not -1 < parsed <= 1:
        raise ValueError("is no score: give a number above -1 and at most 1")
    return parsed


def share(value: str) -> float:
    """Parse a share."""
    parsed = number(value)
    if not 0 <= parsed < 1:
        raise ValueError("is no share from 0 to below 1 (5 % is 0.05)")
    return parsed


def rate(value: str) -> float:
    """Parse a false discovery rate."""
    parsed = number(value)
    if not 0 < parsed < 1:
        raise ValueError("is no rate between 0 and 1 (1 % is 0.01)")
    return parsed


def recall(value: str) -> float:
    """Parse a recall."""
    parsed = number(value)
    if not 0 < parsed < 1:
        raise ValueError("is no recall between 0 and 1 (99.9 % is 0.999)")
    return parsed


def count(value: str) -> int:
    """Parse a whole number from 1 on."""
    parsed = int(value)
    if parsed < 1:
        raise ValueError("is below 1")
    return parsed


def points(value: str) -> int:
    """Parse from how many points on a part is a copy."""
    parsed = int(value)
    if parsed < FEWEST_POINTS:
        raise ValueError(f"is below {FEWEST_POINTS}, which parts of any two images have alike")
    return parsed


def parts(value: str) -> bool | int:
    """Parse what a marker says of parts: whether they count, or from how many points on."""
    return value == "True" if value in ("True", "False") else points(value)


def whole(value: str) -> int:
    """Parse a whole number from 0 on."""
    parsed = int(value)
    if parsed < 0:
        raise ValueError("is below 0")
    return parsed


def prompts(value: object) -> str | tuple[str, ...]:
    """Take the prompts of a marker: a list of texts, or the name of some."""
    if isinstance(value, str):
        return text(value)
    listed = tuple(value) if isinstance(value, Iterable) else ()
    if not listed or not all(isinstance(each, str) for each in listed):
        raise ValueError("is neither a list of texts nor the name of prompts")
    return listed


def size(value: str) -> int:
    """Parse a number of bytes."""
    from pytest_replication.reports.words import read_size

    return read_size(value)


def ci(value: str) -> str:
    """Parse what CI systems are told."""
    names = [name.strip() for name in value.split(",")]
    if value not in ("auto", "off") and not set(names) <= {"summary", "annotations", "properties"}:
        raise ValueError("is neither auto nor off, nor some of summary,annotations,properties")
    return ",".join(names)


def missing(value: str) -> str:
    """Parse what to do without an index."""
    if value not in ("error", "skip"):
        raise ValueError("is neither error nor skip")
    return value


def switch(value: str) -> bool:
    """Parse a switch."""
    states = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }
    if value.lower() not in states:
        raise ValueError("is neither true nor false")
    return states[value.lower()]


class Setting(NamedTuple):
    """One setting.

    Attributes:
        name: with dashes; gives ``--replication-NAME`` and the ini key ``replication_NAME``.
        parse: from the text that the user wrote; raises ValueError with the reason.
        help: one phrase.
        metavar: of the option.
        default: in force if nothing is set.
        many: may be given repeatedly, in the ini file a line each; the value is then a list.
        bare: what the option without a value stands for; None where it needs one.
    """

    name: str
    parse: Callable[[str], Any]
    help: str
    metavar: str = ""
    default: Any = None
    many: bool = False
    bare: str | None = None

    @property
    def option(self) -> str:
        """Name on the command line."""
        return f"--replication-{self.name}"

    @property
    def key(self) -> str:
        """Name in the ini file, and of the parsed option."""
        return f"replication_{self.name.replace('-', '_')}"

    def argument(self, value: str) -> Any:
        """Parse for argparse, which then ends with one sentence and exit status 4."""
        try:
            return self.parse(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{value!r} {_reason(error)}") from error


SETTINGS = (
    Setting("index", text, "Folder of the index that samples are checked against", "PATH"),
    Setting(
        "index-fingerprint",
        text,
        "Fingerprint that the index must have, or 12 digits of it or more",
        "DIGITS",
    ),
    Setting(
        "embedder", text, "Where to load the index's embedder from, such as sscd:/path/weights.onnx", "NAME"
    ),
    Setting("device", text, "auto, cpu, cuda or cuda:N", "NAME", "auto"),
    Setting(
        "model",
        text,
        "Model under test: folder of a diffusers pipeline, module:function, torchscript:PATH, onnx:PATH, "
        "a model.toml, or a folder or tar of ready samples",
        "NAME",
    ),
    Setting(
        "model-option",
        option,
        "Option of the model, such as steps=25; may be given repeatedly",
        "KEY=VALUE",
        many=True,
    ),
    Setting("cache", text, "Folder that keeps the samples of a model, so that none is made twice", "PATH"),
    Setting("samples", text, "Folder or tar of ready samples, in the place of a model", "PATH"),
    Setting(
        "prompts",
        text,
        "Prompts of the model: a .txt, .jsonl, .csv or .parquet file, captions, captions:duplicated-first, "
        "captions:label=NAME, labels or labels:NAME",
        "NAME",
    ),
    Setting("seeds-per-prompt", count, "Samples of each prompt (default: 1)", "N"),
    Setting("count", count, "Samples to draw (default: 256 of a model, all of a folder)", "N"),
    Setting("seed", int, "Seed of the first sample", "N", 0),
    Setting(
        "threshold",
        score,
        "A sample is replicated from this score on (default: that of the index's calibration, else the "
        "embedder's)",
        "SCORE",
    ),
    Setting(
        "fdr",
        rate,
        "In the place of a threshold: share of the replicated samples that may be innocent",
        "SHARE",
    ),
    Setting("max-rate", share, "Tolerated share of replicated samples (default: none)", "SHARE"),
    Setting("engine", text, "What searches: exact, annoy, faiss-hnsw or faiss-ivf", "NAME", "exact"),
    Setting(
        "allow-approximate",
        switch,
        "Let checks pass on the word of an engine that is certified at their threshold",
        default=False,
    ),
    Setting("min-recall", recall, "What a certificate of an engine has to prove", "SHARE", 0.999),
    Setting(
        "allow-unproved",
        switch,
        "Let checks pass on imported vectors of which nothing proves which embedder made them",
        default=False,
    ),
    Setting(
        "complexity",
        switch,
        "Measure how complex samples and matched training images are, and whether the score goes with it",
        default=False,
    ),
    Setting(
        "objects",
        switch,
        "Let a part of a sample that is a copy of a part of a training image count as well",
        default=False,
    ),
    Setting(
        "object-points",
        points,
        "The same, from so many points alike on (default: that of the calibration, else 10)",
        "N",
    ),
    Setting("accepted", text, "File of accepted matches, which do not count as replicated", "PATH"),
    Setting("save", text, "Folder that keeps the matches of every check, to judge them again", "PATH"),
    Setting("pictures", text, "Folder for pictures of the closest pairs of checks that do not pass", "PATH"),
    Setting("report", text, "Folder for the report of the run: results, pictures, pages", "PATH"),
    Setting("report-budget", size, "Size that the report may have (default: 20MB)", "SIZE"),
    Setting(
        "report-private",
        switch,
        "Leave names, captions and pictures out of the report: digests, scores and counts only (the log of "
        "pytest and its --junitxml name images all the same)",
        default=False,
    ),
    Setting(
        "ci",
        ci,
        "What CI is told unasked: auto, off, or some of summary,annotations,properties",
        "auto|off|NAMES",
        "auto",
    ),
    Setting(
        "canaries",
        whole,
        "Planted copies that a check has to find, 0 for none (default: 16, if there are some)",
        "N",
    ),
    Setting(
        "missing", missing, "Without an index: error, or skip the tests that need one", "error|skip", "error"
    ),
    Setting(
        "require-checks",
        switch,
        "Fail the run if no check that it asserted compared samples with the index",
        default=False,
    ),
    Setting(
        "baseline", text, "File of results of the last release, which this run must not be worse than", "PATH"
    ),
    Setting("update-baseline", switch, "Write this run as the new baseline, if it is green", default=False),
    Setting(
        "baseline-level",
        rate,
        "How often releases that are alike may be called worse than the baseline",
        "SHARE",
        0.05,
    ),
    Setting(
        "baseline-allow-other-index",
        switch,
        "Compare what remains with a baseline of another index, embedder, rule or privacy",
        default=False,
    ),
    Setting(
        "baseline-allow-missing",
        switch,
        "Leave out checks that only the run or its baseline has",
        default=False,
    ),
    Setting(
        "gate",
        gates,
        "Collect ready tests, in a repository without any, too: no_replication (by itself), rate, control, "
        "with commas between them",
        "NAMES",
        (),
        bare="true",
    ),
)


class Resolved(NamedTuple):
    """The value of a setting and where it comes from."""

    value: Any
    source: str


class Settings(Mapping[str, Resolved]):
    """All settings of a run by name, with their sources.

    Raises:
        pytest.UsageError: the ini file has a value that cannot be used, or a key that looks like one of
            ours and is none.
    """

    def __init__(self, config: pytest.Config) -> None:
        _refuse_unknown_keys(config)
        self._resolved = {setting.name: _resolve(setting, config) for setting in SETTINGS}

    def __getitem__(self, name: str) -> Resolved:
        return self._resolved[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._resolved)

    def __len__(self) -> int:
        return len(self._resolved)

    def value(self, name: str) -> Any:
        """The value of a setting."""
        return self._resolved[name].value

    def given(self, name: str) -> tuple[Any, str] | None:
        """Value and source of a setting that the user made, None for a default."""
        resolved = self._resolved[name]
        return None if resolved.source == "default" else (resolved.value, resolved.source)

    def told(self) -> str:
        """What the user set, with where; empty if that is nothing."""
        given = {name: pair for name in self if (pair := self.given(name)) is not None}
        return ", ".join(
            f"{name}={' '.join(value) if isinstance(value, list | tuple) else value} ({source})"
            for name, (value, source) in given.items()
        )


def add_options(parser: pytest.Parser) -> None:
    """Declare every setting on the command line and in the ini file."""
    group = parser.getgroup("replication", "replication of training images")
    for setting in SETTINGS:
        if setting.parse is switch:
            group.addoption(
                setting.option, dest=setting.key, action="store_true", default=None, help=setting.help
            )
        else:
            shown = (
                f"{setting.help} (default: {setting.default})"
                if setting.default not in (None, ())
                else setting.help
            )
            group.addoption(
                setting.option,
                dest=setting.key,
                type=setting.argument,
                metavar=setting.metavar,
                default=None,
                help=shown,
                **_taken(setting),
            )
        told = f"{setting.help} ({setting.option})"
        if setting.many:
            parser.addini(setting.key, told, type="linelist", default=None)
        elif setting.bare is not None:  # words of a line, or an array of TOML
            parser.addini(setting.key, told, type="args", default=None)
        else:
            parser.addini(setting.key, told, default=None)


def refuse_unknown_options(args: Iterable[str]) -> None:
    """Refuse options that are called nearly as ours are, with the one that was meant.

    What is like none of them may be of a conftest.py, which pytest has yet to read.

    Raises:
        pytest.UsageError: there is one.
    """
    known, ours = [setting.name for setting in SETTINGS], "--replication-"
    for arg in itertools.takewhile(lambda arg: arg != "--", args):
        name = arg.partition("=")[0].removeprefix(ours)
        near = difflib.get_close_matches(name, known, 1)
        if arg.startswith(ours) and name not in known and near:
            raise pytest.UsageError(f"there is no option {ours}{name}: did you mean {ours}{near[0]}")


_OF_INDEX = ("captions", "labels")
"""How prompts begin that are those of an index, not of a file."""
MARKER = (
    "replication(*, threshold, fdr, max_rate, objects, count, seed, prompts, seeds_per_prompt): settings of "
    "the replication checks of a test"
)
_MARKED: dict[str, Callable[[Any], Any]] = {
    "threshold": score,
    "fdr": rate,
    "max_rate": share,
    "objects": parts,
    "count": count,
    "seed": int,
    "prompts": prompts,
    "seeds_per_prompt": count,
}


def marked(item: pytest.Item) -> dict[str, Any]:
    """Settings from the ``replication`` markers of a test, the nearest marker first.

    Raises:
        SettingsError: a marker has positional arguments, unknown keywords or unusable values.
    """
    found: dict[str, Any] = {}
    for marker in item.iter_markers("replication"):
        if marker.args or not marker.kwargs.keys() <= _MARKED.keys():
            wrong = [repr(arg) for arg in marker.args] + sorted(marker.kwargs.keys() - _MARKED.keys())
            raise SettingsError(
                f"the marker replication of {item.nodeid} has {', '.join(wrong)}: it takes the keywords "
                f"{', '.join(_MARKED)}"
            )
        for name, value in marker.kwargs.items():
            try:
                written = value if name == "prompts" else str(value)
                parsed = _MARKED[name](written)
                if name == "prompts" and isinstance(parsed, str):
                    parsed = _placed_prompts(parsed, item.path.parent)
                found.setdefault(name, parsed)
            except ValueError as error:
                raise SettingsError(
                    f"the marker replication of {item.nodeid} has {name}={value!r}, which {_reason(error)}"
                ) from error
    return found


def _refuse_unknown_keys(config: pytest.Config) -> None:
    """A threshold under a misspelled key would be no threshold at all."""
    # No public interface lists the keys of the ini file: `inicfg`, which did, is deprecated since pytest 9.
    name = "_inicfg" if hasattr(config, "_inicfg") else "inicfg"
    written: Iterable[str] = getattr(config, name, ())
    overrides = config.getoption("override_ini", None) or ()
    for key in (*written, *(text.partition("=")[0] for text in overrides)):
        if not key.startswith(("replication_", "replication-")):
            continue
        try:
            config.getini(key)
        except ValueError as error:
            rest = key[len("replication_") :].replace("_", "-")
            near = difflib.get_close_matches(rest, [setting.name for setting in SETTINGS], 1)
            known = [setting.key for setting in SETTINGS if setting.name in near or not near]
            meant = f"did you mean {known[0]}" if near else f"known are {', '.join(known)}"
            raise pytest.UsageError(f"there is no ini key {key}: {meant}") from error


def _taken(setting: Setting) -> dict[str, Any]:
    """How often an option is taken, and with how many values."""
    if setting.bare is not None:
        return {"nargs": "?", "const": setting.argument(setting.bare)}
    return {"action": "append"} if setting.many else {}


def _resolve(setting: Setting, config: pytest.Config) -> Resolved:
    value = config.getoption(setting.key)
    if value is not None:
        return Resolved(_placed(setting, value, config.invocation_params.dir), "command line")
    written = config.getini(setting.key)
    if not written:
        return Resolved(setting.default, "default")
    if isinstance(written, list) and not setting.many:
        written = " ".join(map(str, written))
    try:
        parsed = [setting.parse(line) for line in written] if setting.many else setting.parse(str(written))
    except ValueError as error:
        raise pytest.UsageError(f"ini key {setting.key}: {written!r} {_reason(error)}") from error
    beside = (config.inipath or config.rootpath / "ini").parent
    return Resolved(_placed(setting, parsed, beside), "ini file")


def _placed(setting: Setting, value: Any, folder: Path) -> Any:
    """Fix where a path begins: a test that changes the working directory must not change what is meant."""
    if setting.metavar == "PATH":
        return str(folder / str(value))
    if setting.name == "prompts":
        return _placed_prompts(str(value), folder)
    return _placed_model(str(value), folder) if setting.name == "model" else value


def _placed_prompts(name: str, folder: Path) -> str:
    of_index = name.partition(":")[0] in _OF_INDEX
    return str(folder / name) if Path(name).suffix and not of_index else name


def _placed_model(name: str, folder: Path) -> str:
    kind, separator, rest = name.partition(":")
    if (folder / name).exists():
        return str(folder / name)
    if separator and kind in ("diffusers", "torchscript", "onnx", "folder") and (folder / rest).exists():
        return f"{kind}:{folder / rest}"
    return name


def _reason(error: ValueError) -> str:
    reason = str(error)
    return reason if reason.startswith("is ") else "is not a number"
