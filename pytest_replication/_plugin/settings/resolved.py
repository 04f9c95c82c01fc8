"""Settings of a run, each with its value and where that comes from.

Precedence: call > marker > command line > ini file > calibration of the index > default of the embedder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from pytest_replication._plugin.settings.declared import SETTINGS, Setting
from pytest_replication._plugin.settings.values import reason


class Resolved(NamedTuple):
    """The value of a setting and where it comes from."""

    value: Any
    source: str


class Settings(Mapping[str, Resolved]):
    """All settings of a run by name, with their sources.

    Raises:
        pytest.UsageError: the ini file has a value that cannot be used, a key without one, or a key that
            looks like one of ours and is none.
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

    def any_given(self) -> bool:
        """Whether the user set anything."""
        return any(resolved.source != "default" for resolved in self._resolved.values())

    def told(self) -> str:
        """What the user set, with where; empty if that is nothing."""
        given = {name: pair for name in self if (pair := self.given(name)) is not None}
        return ", ".join(f"{name}={_written(value)} ({source})" for name, (value, source) in given.items())


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(value)
    return "off" if value is None else str(value)


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
            import difflib

            rest = key[len("replication_") :].replace("_", "-")
            near = difflib.get_close_matches(rest, [setting.name for setting in SETTINGS], 1)
            known = [setting.key for setting in SETTINGS if setting.name in near or not near]
            meant = f"did you mean {known[0]}" if near else f"known are {', '.join(known)}"
            raise pytest.UsageError(f"there is no ini key {key}: {meant}") from error


def _resolve(setting: Setting, config: pytest.Config) -> Resolved:
    value = config.getoption(setting.key)
    written: Any = config.getini(setting.key) if value is None else None
    if value is None and (written is None or (setting.many and not written)):
        return Resolved(setting.default, "default")
    from pytest_replication._plugin.settings.places import placed

    if value is not None:
        return Resolved(placed(setting, value, config.invocation_params.dir), "command line")
    if not written:  # no default: who wrote the key meant something, and nothing may weaken a gate unseen
        raise pytest.UsageError(
            f"ini key {setting.key} is empty, as a variable that is not set leaves it: give it a value, or "
            "leave it out"
        )
    if isinstance(written, list) and not setting.many:
        written = " ".join(map(str, written))
    try:
        parsed = [setting.parse(line) for line in written] if setting.many else setting.parse(str(written))
    except ValueError as error:
        raise pytest.UsageError(f"ini key {setting.key}: {written!r} {reason(error)}") from error
    beside = (config.inipath or config.rootpath / "ini").parent
    return Resolved(placed(setting, parsed, beside), "ini file")
