"""The model behind samples, and the command that makes one of them again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from pytest_replication.models.identity import ModelIdentity
from pytest_replication.results.masked import masked


def model_data(model: ModelIdentity | None) -> dict[str, Any] | None:
    """Turn what made samples into plain data; None where that is not known."""
    if model is None:
        return None
    return {
        "name": model.name,
        "fingerprint": model.fingerprint,
        "options": list(map(masked, model.options)),
        "ready": bool(model.ready),
        "takes": list(model.takes),
        "notes": list(model.notes),
    }


def model_lines(model: ModelIdentity | None) -> list[str]:
    """What a report says of the model; nothing of ready samples, whose files are named."""
    if model is None or model.ready:
        return []
    known = f"fingerprint {model.fingerprint[:12]}" if model.fingerprint else "no fingerprint"
    told = [known, *map(masked, model.options), *model.notes]
    return [f"  model      {model.name}: {', '.join(told)}"]


def again_lines(
    model: ModelIdentity | None,
    number: int,
    names: Sequence[str],
    seeds: Sequence[int],
    prompts: Sequence[str] = (),
    labels: Sequence[int | str] = (),
) -> list[str]:
    """The command that makes a sample again, or the file that it is.

    Args:
        model: what made it, None where that is not known.
        number: of the sample.
        names: of the samples.
        seeds: of the samples, where known.
        prompts: of the samples, where known.
        labels: of the samples, where known.
    """
    if model is None:
        return []
    if model.ready:
        return [f"  again      the worst sample is the file {names[number]}"]
    if not seeds:
        return []
    prompt = prompts[number] if prompts and "prompt" in model.takes else None
    label = labels[number] if labels and "label" in model.takes else None
    return [f"  again      {command(model, int(seeds[number]), prompt, label)}"]


def command(model: ModelIdentity, seed: int, prompt: str | None, label: int | str | None) -> str:
    """The command that makes one sample again, to be pasted into a shell; what is masked has to be put in."""
    words = ["pytest-replication", "sample", model.name]
    for option in model.options:
        words += ["--model-option", masked(option)]
    words.append(f"--seed={seed}")
    words += [] if prompt is None else [f"--prompt={prompt}"]
    words += [] if label is None else [f"--label={label}"]
    words += ["--out", "sample.png"]
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    # $'…' of a shell: a line break in a prompt must stay on this line, and come back as one.
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(map(_written, escaped)) + "'"


def _written(character: str) -> str:
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}" if ord(character) > 0x7F else f"\\x{ord(character):02x}"
