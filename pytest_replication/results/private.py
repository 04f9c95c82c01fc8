"""Results without what a data set should not leave behind: names, paths, captions, labels, prompts, pictures.

Seeds are left out, too: with the model at hand, one makes the copied image again.

What stays is named here; all other text becomes a digest, so that what a later version adds stays at home.
Digests are the same in every file: who knows a name can look for it, and two runs can be compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from pytest_replication.faults import KINDS, fault
from pytest_replication.results.image_names import lasting_name

SOURCES = ("call", "marker", "command line", "ini file", "default")
"""Where settings come from."""
_DIGITS = 12
_KEPT = frozenset(
    {
        "assertion",
        "change",
        "commit",
        "created",
        "day",
        "decided",
        "engine",
        "expires",
        "fingerprint",
        "kind",
        "outcome",
        "per",
        "platform",
        "preprocessing",
        "python",
        "rule",
        "sample_sha256",
        "sample_view",
        "sha256",
        "source",
        "started",
        "test_file",
        "training_sha256",
        "view",
        "weights_sha256",
        "writer",
        "written",
    }
)
"""Keys whose text says nothing of an image: it is chosen by this package, or a digest, or a version."""
_DROPPED = frozenset(
    {"pictures", "part", "command", "message", "lines", "cells", "warnings", "story", "notes"}
)
"""Keys whose values are about images, or sentences that may name one."""
_LABELS = frozenset({"class", "label"})
"""Keys whose values are labels of images, be they texts or numbers."""
_SEEDS = frozenset({"seed", "seeds"})
"""Keys whose values make samples again; they are null."""
_RULES = frozenset({"fdr_source", "max_rate_source", "points_source", "threshold_source"})
"""Keys that say where a number comes from, in words of this package."""
_ABSENT = frozenset({"none were planted", *(f"canaries are 0 ({source})" for source in SOURCES)})
"""Why there is no positive control, where that names nothing."""
_PLAIN_SETTINGS = frozenset(
    {
        "allow-approximate",
        "allow-unproved",
        "canaries",
        "ci",
        "complexity",
        "count",
        "device",
        "engine",
        "fdr",
        "index-fingerprint",
        "max-rate",
        "min-recall",
        "missing",
        "object-points",
        "objects",
        "report-budget",
        "report-private",
        "require-checks",
        "seeds-per-prompt",
        "threshold",
    }
)
_SHA256 = re.compile("[0-9a-f]{64}")
_NODE = re.compile(r"(?P<test>[^\[]*)(?P<parameters>\[.*\])?(?P<number>#(rerun)?\d+)?", re.DOTALL)


def without_private(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of results what names or shows an image.

    Names, paths, captions, prompts, labels, sentences and parameters of tests become 12 digits of their
    sha256, the place of a training image those of its content, else of its place and its name in its source;
    pictures, corners of parts, seeds and the command are left out. Other numbers stay.

    Args:
        data: results, private or not.

    Returns:
        Others, marked as private; what they are made from is as it was.
    """
    if data["private"]:
        return dict(data)
    run = data["run"]
    return {
        **{name: value for name, value in data.items() if name not in ("run", "checks")},
        "private": True,
        "run": {
            **_plain_run(run),
            **({"baseline": _baseline(run["baseline"])} if "baseline" in run else {}),
            "settings": [_setting(setting) for setting in run["settings"]],
            "faults": [_fault(each) for each in run["faults"]],
            "caught": [_test(name) for name in run["caught"]],
            "errors": [_ended(error) for error in run["errors"]],
            **({"skipped": [_ended(test) for test in run["skipped"]]} if "skipped" in run else {}),
        },
        "checks": [_check(check) for check in data["checks"]],
    }


def _ended(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A test that ended without a verdict, or was skipped."""
    return {**_stripped(entry), "test": _test(entry["test"]), "message": ""}


_OF_RUN = ("settings", "faults", "caught", "errors", "skipped", "environment", "command", "baseline")
"""Keys of a run that are looked at one by one."""


def _plain_run(run: Mapping[str, Any]) -> dict[str, Any]:
    environment = run["environment"]
    plain = {name: value for name, value in run.items() if name not in _OF_RUN}
    return {**_stripped(plain), "command": None, "environment": dict(environment)}


def _fault(found: Mapping[str, str]) -> dict[str, str]:
    """What kind of fault it is, in words: its own may name anything."""
    kind = found["kind"]
    return fault(kind, KINDS[kind]) if kind in KINDS else fault(_hashed(kind), _hashed(found["text"]))


def _baseline(compared: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison, in which checks are called as they are in the run."""
    files = {name: _hashed(str(compared[name])) for name in ("baseline", "run") if compared.get(name)}
    if compared.get("private") is True:  # made of private runs: a digest of a digest would be no name at all
        return {**compared, **files}
    return {
        **_stripped(compared),
        **files,
        "private": True,
        "checks": [_change(check) for check in compared["checks"]],
        "missing": [_test(name) for name in compared.get("missing", [])],
        "added": [_test(name) for name in compared.get("added", [])],
    }


def _change(check: Mapping[str, Any]) -> dict[str, Any]:
    """A check of a comparison; what its tests are about is said in words of this package."""
    tests = [dict(test) for test in check.get("tests") or () if isinstance(test, Mapping)]
    return {**_stripped(check), "id": _test(check["id"]), "tests": tests}


def _setting(setting: Mapping[str, Any]) -> dict[str, Any]:
    value = setting["value"]
    known = setting["name"] in _PLAIN_SETTINGS
    if setting["name"] in _SEEDS:
        value = None
    return {**setting, "value": value if known else _stripped_value("value", value)}


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    plain = _stripped(check)
    return {
        **plain,
        "id": _test(check["id"]),
        "test": _test(check["test"]),
        "check": _hashed(check["check"]) if check["check"] else "",
        "message": "",
        **{name: value for name, value in _SENTENCES.items() if name in check},
        **({"index": plain["index"] | {"path": "INDEX"}} if isinstance(check.get("index"), Mapping) else {}),
    }


_SENTENCES: dict[str, Any] = {"cells": ["", "", ""], "warnings": [], "notes": [], "story": ""}
"""What stands in the place of sentences, which readers of these keys look for."""


def _stripped(data: Mapping[str, Any]) -> dict[str, Any]:
    # Keys are ours, but for tables of groups, whose names come from labels and captions.
    plain = {name: _stripped_value(name, value) for name, value in data.items() if name not in _DROPPED}
    return plain | {name: uri for name in _URIS if (uri := _place(data, name))}


_URIS = ("training_uri", "uri")
"""Keys under which it stands where a training image lies."""


def _place(data: Mapping[str, Any], name: str) -> str:
    """Digest for the place of a training image, made of its lasting name; empty without one."""
    uri, id_, sha256 = (data.get(name.replace("uri", key)) for key in ("uri", "id", "sha256"))
    if not (isinstance(uri, str) and uri) or not (isinstance(id_, str) or isinstance(sha256, str)):
        return ""
    kind, known = lasting_name(sha256, uri, id_)
    return known[:_DIGITS] if kind == "sha256" and _SHA256.fullmatch(known) else _hashed(known)


def _stripped_value(name: str, value: Any) -> Any:
    if name in _SEEDS:
        return None
    if name in _LABELS and isinstance(value, (str, int)):
        return _hashed(str(value))
    if isinstance(value, str):
        return _text(name, value)
    if isinstance(value, Mapping):
        if name == "thresholds":
            return {_hashed(str(group)): number for group, number in value.items()}
        return _stripped(value)
    if isinstance(value, (list, tuple)):
        return [_stripped_value(name, entry) for entry in value]
    return value


def _text(name: str, text: str) -> str:
    if name in _KEPT or not text:
        return text
    if name in _RULES:
        return text.partition(", as in ")[0]  # matches that are judged again: behind it stands their file
    if name == "embedder":
        return text.partition(":")[0]  # behind it stand a path, a function or a model
    return text if text in _ABSENT else _hashed(text)


def _test(name: str) -> str:
    """A test by its file and function, its parameters as a digest."""
    found = _NODE.fullmatch(name)
    if found is None:  # whatever else it is: from the first bracket on it may name anything
        test, _, rest = name.partition("[")
        return f"{test}[{_hashed(rest)}]"
    if found["parameters"] is None:
        return name
    return f"{found['test']}[{_hashed(found['parameters'])}]{found['number'] or ''}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
