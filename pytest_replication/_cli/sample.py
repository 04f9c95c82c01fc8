"""``sample``: samples of a model, as files: one that a verdict is about, or many."""

from __future__ import annotations

import argparse
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_replication._cli.options import Verbs, add_device, add_model, loaded_model, print_json
from pytest_replication.errors import ModelError, SampleError, SettingsError
from pytest_replication.models import Model
from pytest_replication.models.listing import NAME, Listed, write_listing
from pytest_replication.models.samples import Label
from pytest_replication.reports.remade import model_data
from pytest_replication.reports.words import plural

_PART = 64
"""Samples that are in memory at a time."""


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "sample",
        help="Make samples of a model, such as the one that a verdict names",
        description="Make one sample of a model as a PNG, or with --count a folder of samples with a "
        f"{NAME}, which takes the place of a model.",
    )
    parser.add_argument("model", metavar="MODEL", help="What --replication-model takes")
    add_model(parser)
    add_device(parser)
    parser.add_argument("--seed", type=int, default=0, help="Seed of the first sample (default: %(default)s)")
    parser.add_argument("--prompt", metavar="TEXT", help="What the samples are made from")
    parser.add_argument("--label", type=_label, metavar="CLASS", help="Class of the samples")
    parser.add_argument(
        "--count", type=int, metavar="N", help="Make a folder of samples (default: one sample)"
    )
    parser.add_argument(
        "--out", required=True, metavar="PATH", help="PNG of the sample, or with --count a new folder"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    out = Path(args.out)
    _check_out(out, args.count)
    model = loaded_model(args)
    if model.ready:
        raise ModelError(f"{model.name} holds samples that were made before: nothing is made from a seed")
    files = [_one(model, out, args)] if args.count is None else _many(model, out, args)
    if args.json:
        print_json({"model": model_data(model.identity), "files": files})
    else:
        print(f"{plural(len(files), 'sample')} of {model.name} written to {out}")
    return 0


def _check_out(out: Path, count: int | None) -> None:
    if not out.absolute().parent.is_dir():
        raise SettingsError(f"there is no folder for --out {out}: make it first")
    if count is None and (out.is_dir() or out.suffix.lower() != ".png"):
        raise SettingsError(f"--out {out} is no PNG: give a name that ends in .png, or --count for a folder")
    if count is not None and count < 1:
        raise SettingsError(f"--count is {count}: give 1 or more")
    if count is not None and out.exists():
        raise SettingsError(f"--out {out} is there already: give the name of a new folder")


def _one(model: Model, out: Path, args: argparse.Namespace) -> dict[str, Any]:
    samples = model.sample(1, args.seed, prompts=_each(args.prompt, 1), labels=_each(args.label, 1))
    try:
        samples.image(0).save(out, "PNG")
    except OSError as error:
        raise SampleError(f"{out} cannot be written: {error.strerror or error}") from error
    return _told(Listed(str(out), args.prompt, args.seed, args.label))


def _many(model: Model, out: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    # Under another name until all are there: a folder of some of them would be taken for all.
    listed: list[Listed] = []
    unfinished = out.with_name(f".{out.name}.{secrets.token_hex(4)}")  # nobody else's
    try:
        unfinished.mkdir()
        while len(listed) < args.count:
            count = min(_PART, args.count - len(listed))
            seed = args.seed + len(listed)
            samples = model.sample(
                count, seed, prompts=_each(args.prompt, count), labels=_each(args.label, count)
            )
            for number, image in enumerate(samples):
                name = f"{len(listed):06d}.png"
                image.save(unfinished / name, "PNG")
                listed.append(Listed(name, args.prompt, seed + number, args.label))
        (unfinished / NAME).write_bytes(write_listing(listed))
        unfinished.rename(out)
    except OSError as error:
        raise SampleError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return [_told(entry) for entry in listed]


def _each(value: Any, count: int) -> Sequence[Any]:
    return [] if value is None else [value] * count


def _told(entry: Listed) -> dict[str, Any]:
    return {"file": entry.file, "seed": entry.seed, "prompt": entry.prompt, "label": entry.label}


def _label(text: str) -> Label:
    return int(text) if text.isdecimal() and text.isascii() else text
