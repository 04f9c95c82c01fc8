"""Every setting, declared once: for the command line, the ini file, the marker and the reference."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from pytest_replication._plugin.settings.values import (
    baseline,
    ci,
    count,
    gates,
    missing,
    option,
    parts,
    points,
    prompts,
    rate,
    reason,
    recall,
    score,
    share,
    size,
    switch,
    text,
    whole,
)


class Setting:
    """One setting: a plain class, for every start of pytest makes it, and data classes are slow to make.

    Attributes:
        name: with dashes; gives ``--replication-NAME`` and the ini key ``replication_NAME``.
        parse: from the text that the user wrote; raises ValueError with the reason.
        help: one phrase.
        metavar: of the option.
        default: in force if nothing is set.
        many: may be given repeatedly, in the ini file a line each; the value is then a list, and the only
            one that may be empty.
        bare: what the option without a value stands for; None where it needs one.
    """

    __slots__ = ("bare", "default", "help", "many", "metavar", "name", "parse")

    def __init__(
        self,
        name: str,
        parse: Callable[[str], Any],
        help: str,
        metavar: str = "",
        default: Any = None,
        many: bool = False,
        bare: str | None = None,
    ) -> None:
        self.name, self.parse, self.help, self.metavar = name, parse, help, metavar
        self.default, self.many, self.bare = default, many, bare

    @property
    def option(self) -> str:
        """Name on the command line."""
        return f"--replication-{self.name}"

    @property
    def key(self) -> str:
        """Name in the ini file, and of the parsed option."""
        return f"replication_{self.name.replace('-', '_')}"

    def argument(self, value: str) -> Any:
        """Parse for argparse, which then ends with one sentence and exit status 4."""
        try:
            return self.parse(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{value!r} {reason(error)}") from error


SETTINGS = (
    Setting("index", text, "Folder of the index that samples are checked against", "PATH"),
    Setting(
        "index-fingerprint",
        text,
        "Fingerprint that the index must have, as info shows it; with +MEASURED also that of calibration and "
        "canaries",
        "INDEX",
    ),
    Setting(
        "embedder",
        text,
        "Where to load the index's embedder from, such as sscd:/path/weights.onnx; to be given for one that "
        "is a program, such as callable:module:function",
        "NAME",
    ),
    Setting("device", text, "auto, cpu, mps, cuda or cuda:N", "NAME", "auto"),
    Setting(
        "model",
        text,
        "Model under test: folder of a diffusers pipeline, module:function, torchscript:PATH, onnx:PATH, "
        "a model.toml, or a folder or tar of ready samples",
        "NAME",
    ),
    Setting(
        "model-option",
        option,
        "Option of the model, such as steps=25; may be given repeatedly",
        "KEY=VALUE",
        many=True,
    ),
    Setting("cache", text, "Folder that keeps the samples of a model, so that none is made twice", "PATH"),
    Setting("samples", text, "Folder or tar of ready samples, in the place of a model", "PATH"),
    Setting(
        "prompts",
        text,
        "Prompts of the model: a .txt, .jsonl, .csv or .parquet file, captions, captions:duplicated-first, "
        "captions:label=NAME, labels or labels:NAME",
        "NAME",
    ),
    Setting("seeds-per-prompt", count, "Samples of each prompt (default: 1)", "N"),
    Setting("count", count, "Samples to draw (default: 256 of a model, all of a folder)", "N"),
    Setting("seed", int, "Seed of the first sample", "N", 0),
    Setting(
        "threshold",
        score,
        "A sample is replicated from this score on (default: that of the index's calibration, else the "
        "embedder's)",
        "SCORE",
    ),
    Setting(
        "fdr",
        rate,
        "In the place of a threshold: share of the replicated samples that may be innocent",
        "SHARE",
    ),
    Setting("max-rate", share, "Tolerated share of replicated samples (default: none)", "SHARE"),
    Setting("engine", text, "What searches: exact, annoy, faiss-hnsw or faiss-ivf", "NAME", "exact"),
    Setting(
        "allow-approximate",
        switch,
        "Let checks pass on the word of an engine that is certified at their threshold",
        default=False,
    ),
    Setting("min-recall", recall, "What a certificate of an engine has to prove", "SHARE", 0.999),
    Setting(
        "allow-unproved",
        switch,
        "Let checks pass on imported vectors of which nothing proves which embedder made them",
        default=False,
    ),
    Setting(
        "complexity",
        switch,
        "Measure how complex samples and matched training images are, and whether the score goes with it",
        default=False,
    ),
    Setting(
        "objects",
        switch,
        "Let a part of a sample that is a copy of a part of a training image count as well",
        default=False,
    ),
    Setting(
        "object-points",
        points,
        "The same, from so many points alike on (default: that of the calibration, else 12)",
        "N",
    ),
    Setting("accepted", text, "File of accepted matches, which do not count as replicated", "PATH"),
    Setting("save", text, "Folder that keeps the matches of every check, to judge them again", "PATH"),
    Setting("pictures", text, "Folder for pictures of the closest pairs of checks that do not pass", "PATH"),
    Setting("report", text, "Folder for the report of the run: results, pictures, pages", "PATH"),
    Setting(
        "report-budget",
        size,
        "Size to keep the report below; results stay whole, and where they leave no room the page has half "
        "of it (default: 20MB)",
        "SIZE",
    ),
    Setting(
        "report-private",
        switch,
        "Leave names, captions and pictures out of the report: digests, scores and counts only (the log of "
        "pytest and its --junitxml name images all the same)",
        default=False,
    ),
    Setting(
        "ci",
        ci,
        "What CI is told unasked: auto, off, or some of summary,annotations,properties",
        "auto|off|NAMES",
        "auto",
    ),
    Setting(
        "canaries",
        whole,
        "Planted copies that a check has to find, 0 for none (default: 16, if there are some)",
        "N",
    ),
    Setting(
        "missing", missing, "Without an index: error, or skip the tests that need one", "error|skip", "error"
    ),
    Setting(
        "require-checks",
        switch,
        "Fail the run if no check that it asserted compared samples with the index",
        default=False,
    ),
    Setting(
        "baseline",
        baseline,
        "File of results of the last release, which this run must not be worse than; off for none",
        "PATH",
    ),
    Setting("update-baseline", switch, "Write this run as the new baseline, if it is green", default=False),
    Setting(
        "baseline-level",
        rate,
        "How often releases that are alike may be called worse than the baseline",
        "SHARE",
        0.05,
    ),
    Setting(
        "baseline-allow-other-index",
        switch,
        "Compare what remains with a baseline of another index, embedder, rule or privacy",
        default=False,
    ),
    Setting(
        "baseline-allow-missing",
        switch,
        "Leave out checks that only the run or its baseline has",
        default=False,
    ),
    Setting(
        "gate",
        gates,
        "Collect ready tests, in a repository without any, too: no_replication (by itself), rate, control, "
        "with commas between them",
        "NAMES",
        (),
        bare="true",
    ),
)
MARKER = (
    "replication(*, threshold, fdr, max_rate, objects, count, seed, prompts, seeds_per_prompt): settings of "
    "the replication checks of a test"
)
MARKED: dict[str, Callable[[Any], Any]] = {
    "threshold": score,
    "fdr": rate,
    "max_rate": share,
    "objects": parts,
    "count": count,
    "seed": int,
    "prompts": prompts,
    "seeds_per_prompt": count,
}
"""Keywords of the marker, each with what parses the text of its value."""
