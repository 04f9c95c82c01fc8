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


def refuse_unknown_options(args: Iterable[str], parser: pytest.Parser) -> None:
    """Refuse options that are called nearly as ours are and that nobody has, with the one that was meant.

    Args:
        args: the command line.
        parser: what knows the options of all plugins.

    Raises:
        pytest.UsageError: there is one.
    """
    for arg in itertools.takewhile(lambda arg: arg != "--", args):
        name = arg.partition("=")[0]
        if arg.startswith(_OURS):
            near = _meant(name.removeprefix(_OURS), [setting.name for setting in SETTINGS], 0.6)
            meant = _OURS + near if near else ""
        elif arg.startswith(_NEARLY):
            meant = _meant(name.replace("_", "-"), [setting.option for setting in SETTINGS], _ALIKE)
        else:
            continue
        if meant and meant != name and not _has(parser, name):
            raise pytest.UsageError(f"there is no option {name}: did you mean {meant}")


def _meant(name: str, known: list[str], alike: float) -> str:
    """The known name that one is, or is nearest to; empty for none."""
    if name in known:
        return name
    import difflib

    return next(iter(difflib.get_close_matches(name, known, 1, alike)), "")


def _has(parser: pytest.Parser, name: str) -> bool:
    """Whether some plugin has an option of this name; where that cannot be told, pytest has to refuse it."""
    # No public interface lists the options. pytest 8 makes an argument parser whenever it needs one.
    make = getattr(parser, "_getparser", None)
    arguments = make() if make is not None else getattr(parser, "optparser", None)
    options = getattr(arguments, "_option_string_actions", None)
    return options is None or name in options


def _taken(setting: Setting) -> dict[str, Any]:
    """How often an option is taken, and with how many values."""
    if setting.bare is not None:
        return {"nargs": "?", "const": setting.argument(setting.bare)}
    return {"action": "append"} if setting.many else {}
