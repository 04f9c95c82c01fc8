"""Writes docs/reference.md from the code: every option, marker, fixture, verb and public name.

``python docs/site/reference.py``; a test says whether the page is up to date.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import html
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest_replication
from pytest_replication import cli
from pytest_replication._plugin.settings.declared import MARKER, SETTINGS, Setting
from pytest_replication._plugin.settings.values import switch

PAGE = Path(__file__).parents[1] / "reference.md"
PLUGIN = Path(pytest_replication.__file__).with_name("plugin.py")
HEAD = """# Reference

Every setting, marker, fixture, verb and public name, with its one line. This page is made from the code by
`python docs/site/reference.py`; do not edit it.
"""
SETTINGS_HEAD = """## Settings

On pytest's command line or in its ini file. A test's marker comes before both, the option before the key.
"""
PYTHON_HEAD = """## Python

`from pytest_replication import NAME`; `help(NAME)` tells arguments, ranges and errors.
"""


def page() -> str:
    """The whole page."""
    return "\n".join((HEAD, *_settings(), *_marker(), *_fixtures(), *_verbs(), *_names())).rstrip("\n") + "\n"


def _code(text: str) -> str:
    """Code that may hold bars, in a table, for GitHub and for the site."""
    escaped = html.escape(text, quote=False)
    return f"<code>{escaped.replace('|', '&#124;')}</code>" if "|" in text else f"`{text}`"


def _prose(text: str) -> str:
    """One line of prose in a cell."""
    told = re.sub(r"\s+", " ", text).strip()
    return told.replace("|", "&#124;").replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_")


def _docs(text: str) -> str:
    """One line of a docstring: its code stays code."""
    parts = re.split(r"``?([^`]+)``?", text)
    return "".join(_code(part) if at % 2 else _prose_part(part) for at, part in enumerate(parts)).strip()


def _prose_part(text: str) -> str:
    around = re.match(r"\s*", text), re.search(r"\s*$", text)
    left, right = (" " if found and found.group() else "" for found in around)
    return f"{left}{_prose(text)}{right}" if text.strip() else left


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |".replace("|  |", "| |")
    yield ""


def _settings() -> Iterator[str]:
    yield SETTINGS_HEAD
    rows = ((_code(_option(each)), _code(each.key), _prose(each.help), _default(each)) for each in SETTINGS)
    yield from _table(("option", "ini key", "meaning", "default"), rows)


def _option(setting: Setting) -> str:
    if setting.parse is switch:
        return setting.option
    return setting.option + (f"[={setting.metavar}]" if setting.bare else f" {setting.metavar}")


def _default(setting: Setting) -> str:
    if setting.parse is switch:
        return "off"
    return "" if setting.default in (None, ()) else _code(str(setting.default))


def _marker() -> Iterator[str]:
    call, _, told = MARKER.partition(": ")
    yield f"## Marker\n\n`@pytest.mark.{call.replace('(*, ', '(')}`:\n{told}. All by keyword.\n"


def _fixtures() -> Iterator[str]:
    yield "## Fixtures\n"
    yield from _table(("fixture", "scope", "what it is"), _declared_fixtures())


def _declared_fixtures() -> Iterator[tuple[str, str, str]]:
    """Out of the source: how a fixture looks once it is declared differs between versions of pytest."""
    for node in ast.parse(PLUGIN.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        marks = [ast.unparse(mark) for mark in node.decorator_list if "fixture" in ast.unparse(mark)]
        if marks:
            scope = "session" if "session" in marks[0] else "test"
            yield _code(node.name), scope, _docs(_first(ast.get_docstring(node)))


def _first(docstring: str | None) -> str:
    """The first paragraph of a docstring, in one line."""
    return re.sub(r"\s+", " ", inspect.cleandoc(docstring or "").split("\n\n")[0])


def _verbs() -> Iterator[str]:
    parser = cli._parser()
    told = (parser.epilog or "").replace("Exit status:", "Exit status of `pytest-replication VERB`:")
    yield f"## Verbs\n\n{told} `--help` is an option of each.\n"
    yield from _verbs_of(parser, "")


def _verbs_of(parser: argparse.ArgumentParser, before: str) -> Iterator[str]:
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, verb in action.choices.items():
            yield f"### `{before}{name}`\n"
            yield _docs(verb.description or helps.get(name, "")) + "\n"
            rows = list(_arguments(verb))
            if rows:
                yield from _table(("argument", "meaning"), rows)
            yield from _verbs_of(verb, f"{before}{name} ")


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    formatter = parser._get_formatter()
    for action in parser._actions:
        hidden = action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction)
        if hidden or isinstance(action, argparse._SubParsersAction):
            continue
        told = formatter._expand_help(action) if action.help else ""
        if _many(action):
            told = f"{told.rstrip('.')}. One of {', '.join(map(str, action.choices or ()))}"
        if _worth_telling(action) and "default" not in told:
            told += f" (default: {action.default})"
        yield _code(_written(action)), _prose(told)


def _worth_telling(action: argparse.Action) -> bool:
    default = action.default
    return bool(action.option_strings) and isinstance(default, str | int | float) and default is not False


def _many(action: argparse.Action) -> bool:
    return action.metavar is None and action.choices is not None and len(list(action.choices)) > 8


def _written(action: argparse.Action) -> str:
    """An argument as a user writes it."""
    value = ""
    if action.nargs != 0:
        few = action.choices and not _many(action)
        names = action.metavar or (f"{{{','.join(map(str, action.choices or ()))}}}" if few else None)
        names = names or action.dest.upper().replace("_", "-")
        value = " ".join(names) if isinstance(names, tuple) else names
        value = {"?": f"[{value}]", "*": f"[{value} …]", "+": f"{value} …"}.get(str(action.nargs), value)
    return " ".join(part for part in (", ".join(action.option_strings), value) if part)


def _names() -> Iterator[str]:
    yield PYTHON_HEAD
    names = [name for name in pytest_replication.__all__ if not name.startswith("__")]
    loaded = {name: getattr(pytest_replication, name) for name in names}
    functions = {name: each for name, each in loaded.items() if inspect.isfunction(each)}
    errors = {n: e for n, e in loaded.items() if inspect.isclass(e) and issubclass(e, BaseException)}
    values = {n: e for n, e in loaded.items() if n not in functions and n not in errors}
    for title, group in (("Functions", functions), ("Classes", values), ("Errors", errors)):
        yield f"### {title}\n"
        rows = ((_code(_called(name, each)), _docs(_first(each.__doc__))) for name, each in group.items())
        yield from _table(("name", "what it is"), rows)


def _called(name: str, value: object) -> str:
    """A name with its arguments, if it is one to call."""
    if inspect.isfunction(value):
        return f"{name}({', '.join(_parameters(inspect.signature(value)))})"
    if dataclasses.is_dataclass(value) and isinstance(value, type) and name.endswith("Options"):
        return f"{name}({', '.join(field.name for field in dataclasses.fields(value) if field.init)})"
    return name


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    starred = False
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        star = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        starred = starred or star == "*"
        yield f"{star}{each.name}" + ("" if each.default is each.empty else "=…")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
