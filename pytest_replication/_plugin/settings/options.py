"""Settings as options of pytest and keys of its ini file."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from pytest_replication._plugin.settings.declared import SETTINGS, Setting
from pytest_replication._plugin.settings.values import switch

_OURS = "--replication-"
_NEARLY = ("--repl", "--repi", "--relic", "--rpli", "--rpel", "--eplic")
"""How options begin that may be ours with a misspelt prefix: any other costs one comparison."""
_ALIKE = 0.9
"""How like one of ours the whole of such an option has to be: it may be another plugin's."""


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
    for arg in itertools.takewhile(lambda arg: arg != "--", args):
        if arg.startswith(_OURS):
            _refuse_unknown(arg.partition("=")[0].removeprefix(_OURS))
        elif arg.startswith(_NEARLY):
            _refuse_misspelt_prefix(arg.partition("=")[0])


def _refuse_misspelt_prefix(name: str) -> None:
    import difflib

    known = [setting.option for setting in SETTINGS]
    if near := difflib.get_close_matches(name.replace("_", "-"), known, 1, _ALIKE):
        raise pytest.UsageError(f"there is no option {name}: did you mean {near[0]}")


def _refuse_unknown(name: str) -> None:
    known = [setting.name for setting in SETTINGS]
    if name in known:
        return
    import difflib

    if near := difflib.get_close_matches(name, known, 1):
        raise pytest.UsageError(f"there is no option {_OURS}{name}: did you mean {_OURS}{near[0]}")


def _taken(setting: Setting) -> dict[str, Any]:
    """How often an option is taken, and with how many values."""
    if setting.bare is not None:
        return {"nargs": "?", "const": setting.argument(setting.bare)}
    return {"action": "append"} if setting.many else {}
