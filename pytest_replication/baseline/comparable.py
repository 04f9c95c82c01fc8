"""Whether two measurements may be compared: those of another embedder, index or rule mean something else."""

from __future__ import annotations

from pathlib import PurePath

from pytest_replication.baseline.measured import Measured
from pytest_replication.errors import BaselineError

_SHARE = 0.05
"""By how much the samples of a prompt may differ."""


def require_alike(old: Measured, new: Measured, file: str) -> None:
    """Refuse to compare what was not measured alike.

    Args:
        old: the check in the baseline.
        new: the same check now.
        file: of the baseline.

    Raises:
        BaselineError: embedder, weights, preprocessing, index, rule, engine or samples a prompt differ.
    """
    if found := differences(old, new):
        raise BaselineError(
            f"{new.label} was not measured as in the baseline {file}: {'; '.join(found)}: write a new "
            "baseline with --replication-update-baseline, or have what remains compared with "
            "--replication-baseline-allow-other-index (compare: --allow-other-index)"
        )


def differences(old: Measured, new: Measured) -> list[str]:
    """In what two measurements are not alike, a phrase each."""
    told = [
        ("kind", old.kind or "samples", new.kind or "samples"),
        ("embedder", old.embedder[0], new.embedder[0]),
        ("weights", _short(old.embedder[1]), _short(new.embedder[1])),
        ("preprocessing", old.embedder[2], new.embedder[2]),
        ("index", _short(old.index), _short(new.index)),
        ("rule", old.rule, new.rule),
        ("engine", old.engine, new.engine),
    ]
    found = [f"{what} {then or 'none'} then, {now or 'none'} now" for what, then, now in told if then != now]
    if not _as_many_a_prompt(old, new):
        found.append(f"{_a_prompt(old)} then, {_a_prompt(new)} now")
    return found


def same_scores(old: Measured, new: Measured) -> bool:
    """Whether scores mean the same: one embedder, against one index, as many samples a prompt."""
    return old.embedder == new.embedder and old.index == new.index and _as_many_a_prompt(old, new)


def remarks(old: Measured, new: Measured) -> list[str]:
    """What differs and may explain a change, though it makes no comparison wrong by itself."""
    found = []
    if new.rerun:
        found.append("a run of its test that was repeated: what was found in its samples is real")
    if _named(old.prompts_source) != _named(new.prompts_source):
        found.append(
            f"prompts are other ones: {_named(old.prompts_source)} then, {_named(new.prompts_source)} now"
        )
    if old.asserted and not new.asserted:
        found.append("it was asserted then, and is only measured now: it fails no test by itself")
    if old.accepted != new.accepted:
        found.append(f"accepted matches, which do not count: {old.accepted} then, {new.accepted} now")
    return found


def _as_many_a_prompt(old: Measured, new: Measured) -> bool:
    then, now = _per_prompt(old), _per_prompt(new)
    return abs(then - now) <= _SHARE * max(then, now)


def _per_prompt(one: Measured) -> float:
    return one.samples / one.prompts if one.prompts else 1.0


def _a_prompt(one: Measured) -> str:
    return f"{_per_prompt(one):.3g} samples a prompt"


def _named(source: str) -> str:
    """Prompts without the folder that their file is in, which is another one on every machine."""
    return PurePath(source).name or "none"


def _short(digest: str) -> str:
    return digest[:12]
