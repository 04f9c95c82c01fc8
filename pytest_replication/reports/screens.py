"""The verdict of a screen: as plain data, and in plain text. Its words are about prompts, not copies."""

from __future__ import annotations

from typing import Any

from pytest_replication.escape import one_line
from pytest_replication.reports.words import percent, plural
from pytest_replication.screen_verdicts import CHECK, ScreenedPrompt, ScreenVerdict

KIND = "screen"
"""What tells these data from those of a verdict about replication."""
SHOWN = 10
"""Prompts that a message lists."""
NO_PROOF = (
    "a screen of prompts: no image was compared with a training image, and a pass proves nothing of copies"
)
_CHANCE = 0.05


def screen_data(verdict: ScreenVerdict, *, every: bool = True) -> dict[str, Any]:
    """Turn a verdict into plain data.

    Args:
        verdict: what to turn.
        every: include all prompts, not only those that are flagged.
    """
    rule = verdict.rule
    data: dict[str, Any] = {
        "kind": KIND,
        "assertion": "assert_prompts_not_memorized",
        "check": verdict.check,
        "outcome": verdict.outcome.value,
        "story": screen_headline(verdict),
        "model": verdict.model,
        "fingerprint": verdict.fingerprint,
        "screens": list(rule.screens),
        "fpr": float(rule.fpr),
        "per": rule.per,
        "prompts": len(verdict.prompts),
        "prompt_source": verdict.source,
        "clean": int(verdict.clean),
        "clean_source": verdict.clean_source,
        "control": int(verdict.control),
        "control_found": int(verdict.control_found),
        "expected_false": float(verdict.expected),
        "chance": float(verdict.chance),
        "share_lower": float(verdict.share_lower),
        "share_upper": float(verdict.share_upper),
        "confidence": CHECK,
        "lines": [
            {
                "screen": line.screen,
                "line": line.line,
                "rank": line.rank,
                "clean_median": line.middle,
                "clean_highest": line.highest,
                "rate_lower": line.rate_lower,
                "rate_upper": line.rate_upper,
            }
            for line in verdict.lines
        ],
        "settings": verdict.settings,
        "notes": [*verdict.notes, NO_PROOF],
        "warnings": screen_warnings(verdict),
        "flagged": [_prompt(prompt) for prompt in verdict.flagged],
    }
    if every:
        data["screened"] = [_prompt(prompt) for prompt in verdict.prompts]
    return data


def screen_row(verdict: ScreenVerdict) -> dict[str, Any]:
    """What stands in the table of a run; no row of an index was searched."""
    cells = [plural(len(verdict.prompts), "prompt"), "assert_prompts_not_memorized", screen_headline(verdict)]
    return screen_data(verdict, every=False) | {"cells": cells, "searched": 0, "index": {}}


def render_screen(verdict: ScreenVerdict) -> str:
    """Render a verdict for a terminal, a failure message or a log."""
    lines = [screen_headline(verdict), "", *_prompts(verdict)]
    for line in verdict.lines:
        lines.append(
            f"  line       {line.screen} above {line.line:.4g} (number {line.rank} from the top of "
            f"{verdict.clean} clean prompts; their median {line.middle:.4g}, highest {line.highest:.4g}): "
            f"between {percent(line.rate_lower)} and {percent(line.rate_upper)} of such clean prompts "
            "exceed it"
        )
    lines += [
        f"  rule       false positives {percent(verdict.rule.fpr)} a {verdict.rule.per}; "
        f"{verdict.expected:.2g} flagged by chance expected, if all prompts are clean",
        f"  share      {_share(verdict)}",
        f"  prompts    {len(verdict.prompts)} of {verdict.source}",
        f"  clean      {verdict.clean} of {verdict.clean_source}",
    ]
    if verdict.control:
        lines.append(
            f"  control    {verdict.control_found} of {verdict.control} known memorised prompts flagged"
        )
    lines += [f"  model      {verdict.model}", f"  measured   {verdict.settings}"]
    lines += [f"  note       {note}" for note in (*verdict.notes, NO_PROOF)]
    lines += [f"  WARNING    {said}" for said in screen_warnings(verdict)]
    return "\n".join(map(one_line, lines))


def screen_headline(verdict: ScreenVerdict) -> str:
    """The whole story in one line."""
    k, n, names = len(verdict.flagged), len(verdict.prompts), ", ".join(verdict.rule.screens)
    least = f"lowest p {verdict.prompts[0].p:.3g}, {names}"
    if k:
        return f"{k} of {n} prompts behave{'s' if k == 1 else ''} as memorised ones do ({least})"
    none = f"none of {plural(n, 'prompt')} behaves as memorised ones do ({least})"
    return f"{none}; no proof that nothing is copied"


def screen_warnings(verdict: ScreenVerdict) -> list[str]:
    """What weakens a verdict, whatever its outcome."""
    found = []
    if not verdict.control:
        found.append(
            "no positive control: nothing shows that the screen finds memorised prompts in this model; give "
            "some that are known to be memorised (control_prompts, --control-prompts)"
        )
    if verdict.flagged and verdict.chance > _CHANCE:
        found.append(
            f"chance alone flags {plural(len(verdict.flagged), 'prompt')} or more in up to "
            f"{percent(verdict.chance)} of checks of so many clean prompts: look at the images, take "
            "another seed, or calibrate for the whole check (per='check', --per check), which takes more "
            "clean prompts"
        )
    return found


def _prompts(verdict: ScreenVerdict) -> list[str]:
    shown = verdict.flagged[:SHOWN]
    lines = [f"  p {prompt.p:.3g}  {_scores(prompt)}  {prompt.prompt!r}" for prompt in shown]
    if more := len(verdict.flagged) - len(shown):
        lines.append(f"  and {more} more")
    return [*lines, ""] if lines else []


def _scores(prompt: ScreenedPrompt) -> str:
    return ", ".join(f"{name} {score:.4g}" for name, score in prompt.scores.items())


def _share(verdict: ScreenVerdict) -> str:
    k, n = len(verdict.flagged), len(verdict.prompts)
    low = f"at least {percent(verdict.share_lower)} and " if k else ""
    return (
        f"{k} of {n} flagged: {low}at most {percent(verdict.share_upper)} of prompts drawn as these were "
        f"would be ({100 * CHECK:g} % confidence each)"
    )


def _prompt(prompt: ScreenedPrompt) -> dict[str, Any]:
    return {"prompt": prompt.prompt, "p": prompt.p, "flagged": prompt.flagged, "scores": dict(prompt.scores)}
