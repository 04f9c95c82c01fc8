from __future__ import annotations

import pytest

from pytest_replication._plugin.settings import SETTINGS, count, missing, number, switch, text


@pytest.mark.parametrize(
    ("parse", "good", "value"),
    [
        (number, "0.5", 0.5),
        (number, "0", 0.0),
        (count, "7", 7),
        (missing, "skip", "skip"),
        (switch, "True", True),
        (switch, "off", False),
        (text, "x", "x"),
    ],
)
def test_good_values(parse: object, good: str, value: object) -> None:
    assert parse(good) == value  # type: ignore[operator]


@pytest.mark.parametrize(
    ("parse", "bad"),
    [
        (number, "nan"),
        (number, "inf"),
        (number, "50%"),
        (count, "0"),
        (count, "1.5"),
        (missing, "ignore"),
        (switch, "maybe"),
        (text, " "),
    ],
)
def test_bad_values(parse: object, bad: str) -> None:
    with pytest.raises(ValueError):
        parse(bad)  # type: ignore[operator]


def test_options_and_ini_keys_share_a_name_and_a_prefix() -> None:
    for setting in SETTINGS:
        assert setting.option == "--" + setting.key.replace("_", "-")
        assert setting.key.startswith("replication_")
        assert not setting.help.endswith(".")


@pytest.mark.parametrize(
    ("bad", "hint"),
    [("5%", "write 0.05"), ("0,9", "write 0.9"), ("5 %", "write 0.05"), ("half", "not a number$")],
)
def test_how_to_write_a_number_is_told(bad: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        number(bad)
