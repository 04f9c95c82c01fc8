from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_replication._plugin.settings.declared import SETTINGS, Setting
from pytest_replication._plugin.settings.resolved import Resolved, Settings
from pytest_replication._plugin.settings.values import switch

LISTS = {"model-option"}
"""Settings that may be empty."""


def settings(**written: Any) -> Settings:
    """Those of an ini file, as pytest reads it: None where a key is not there."""
    config: Any = SimpleNamespace(getoption=lambda name, default=None: None, getini=written.get, inicfg={})
    config.inipath = Path("tox.ini")
    return Settings(config)


def test_a_resolved_setting_is_a_pair() -> None:
    resolved = Resolved(0, "default")
    value, source = resolved
    assert (value, source) == (0, "default")
    assert resolved == Resolved(0, "default")
    assert resolved != Resolved(0, "ini file")
    assert repr(resolved) == "Resolved(value=0, source='default')"


def test_a_key_that_is_not_there_is_the_default() -> None:
    assert {name: settings().value(name) for name in settings()} == {s.name: s.default for s in SETTINGS}


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.name not in LISTS], ids=lambda s: s.name)
def test_a_setting_without_a_value_is_never_the_default(setting: Setting) -> None:
    with pytest.raises(pytest.UsageError, match=f"ini key {setting.key} is empty, as a variable"):
        settings(**{setting.key: [] if setting.bare else ""})
    if setting.parse is not switch:  # which takes no value there
        with pytest.raises(Exception, match="^'' is "):
            setting.argument("")


@pytest.mark.parametrize("written", ["off", " OFF "])
def test_a_baseline_is_taken_back(written: str) -> None:
    given = settings(replication_baseline=written)
    assert given["baseline"] == (None, "ini file")
    assert given.told() == "baseline=off (ini file)"


def test_a_list_may_be_empty() -> None:
    assert settings(replication_model_option=[])["model-option"] == (None, "default")
    assert {setting.name for setting in SETTINGS if setting.many} == LISTS
