from __future__ import annotations

import re

from pytest_replication._plugin.settings.declared import MARKED, MARKER, SETTINGS


def test_options_and_ini_keys_share_a_name_and_a_prefix() -> None:
    for setting in SETTINGS:
        assert setting.option == "--" + setting.key.replace("_", "-")
        assert setting.key.startswith("replication_")
        assert not setting.help.endswith(".")


def test_no_setting_is_declared_twice() -> None:
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


def test_pytest_is_told_the_keywords_that_the_marker_takes() -> None:
    told = re.fullmatch(r"replication\(\*, (.+)\): .+", MARKER)
    assert told is not None
    assert told[1].split(", ") == list(MARKED)
