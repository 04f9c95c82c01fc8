from __future__ import annotations

import re

from pytest_replication._plugin.settings.declared import MARKED, MARKER, SETTINGS
from pytest_replication.choices import EXACT, EngineChoice


def test_options_and_ini_keys_share_a_name_and_a_prefix() -> None:
    for setting in SETTINGS:
        assert setting.option == "--" + setting.key.replace("_", "-")
        assert setting.key.startswith("replication_")
        assert not setting.help.endswith(".")


def test_what_searches_is_the_same_in_and_outside_a_run() -> None:
    """Spelt out there, since every suite loads the settings."""
    default = {setting.name: setting.default for setting in SETTINGS}
    named = [default[name] for name in ("engine", "allow-approximate", "min-recall")]
    assert EngineChoice(*named) == EngineChoice()
    assert default["engine"] == EXACT


def test_no_setting_is_declared_twice() -> None:
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


def test_pytest_is_told_the_keywords_that_the_marker_takes() -> None:
    told = re.fullmatch(r"replication\(\*, (.+)\): .+", MARKER)
    assert told is not None
    assert told[1].split(", ") == list(MARKED)
