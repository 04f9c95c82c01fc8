"""Prompts from a file: text, JSON lines, CSV or parquet, with labels and seeds where it has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_replication.errors import SettingsError, meant
from pytest_replication.prompts.base import Prompt, Prompts, check_seed
from pytest_replication.prompts.tables import Row, read_csv, read_jsonl, read_parquet, read_txt

TEXTS = ("prompt", "text", "caption", "TEXT")
"""Columns that hold prompts, the first one that exists is taken."""
SUFFIXES = (".txt", ".jsonl", ".csv", ".parquet")


def read_prompts(path: str | Path) -> Prompts:
    """Read a file of prompts.

    A ``.txt`` file has a prompt a line; ``.jsonl``, ``.csv`` and ``.parquet`` have a column ``prompt`` (or
    ``text``, ``caption``), and may have ``label`` and ``seed``; other columns are passed over. A file with
    ``label`` and without prompts is one for a class-conditional model.

    Args:
        path: of the file.

    Returns:
        The prompts in the order of the file, those that repeat others left out.

    Raises:
        SettingsError: there is no such file, it cannot be read, holds no prompts, or a blank one, or a value
            that is no label or seed; says in which line.
    """
    file = Path(path)
    if not file.is_file():
        raise SettingsError(f"there is no file of prompts at {file}: give a {', '.join(SUFFIXES)} file")
    entries = [_prompt(file, number, row) for number, row in _rows(file)]
    if not entries:
        raise SettingsError(f"{file} holds no prompts: nothing would be made, so nothing can pass")
    return Prompts.of(entries, source=str(file))


def _rows(path: Path) -> Iterator[Row]:
    kind = path.suffix.lower()
    if kind == ".txt":
        return read_txt(path)
    if kind == ".jsonl":
        return read_jsonl(path)
    if kind == ".csv":
        return read_csv(path)
    if kind == ".parquet":
        return read_parquet(path, lambda plain: _columns(path, plain))
    raise SettingsError(f"{path} is no file of prompts: give a {', '.join(SUFFIXES)} file")


def _columns(path: Path, names: Iterable[str]) -> list[str]:
    """The columns that are read: of prompts, labels and seeds, as far as there are any."""
    known = frozenset(names)
    text = next((name for name in TEXTS if name in known), None)
    if text is None and "label" not in known:
        near = next((said for name in sorted(known) if (said := meant(name, ("prompt", "label")))), "")
        raise SettingsError(
            f"{path} has no column prompt, text, caption or label, only {', '.join(sorted(known)) or 'none'}"
            f"{near}"
        )
    return [*([text] if text else []), *(name for name in ("label", "seed") if name in known)]


def _prompt(path: Path, number: int, row: Mapping[str, Any]) -> Prompt:
    where = f"row {number}" if path.suffix.lower() == ".parquet" else f"line {number}"
    columns = _columns(path, row)
    texts = [name for name in columns if name in TEXTS]
    try:
        text = _text(row[texts[0]]) if texts else None
        return Prompt(text, _label(row.get("label")), _seed(row.get("seed")))
    except SettingsError as error:
        raise SettingsError(f"{where} of {path}: {error}") from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"the prompt is {value!r}: give it a text, or remove it")
    return value.strip()


def _label(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SettingsError(f"the label is {value!r}; expected a text or a whole number")
    return str(value).strip()


def _seed(value: object) -> int | None:
    if value is None or value == "":
        return None
    seed = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
    check_seed(seed)
    return seed if isinstance(seed, int) else None
