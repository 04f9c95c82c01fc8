"""Can what was asked of extractors and scores be done? Found out before any set is made for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_replication.benchmark.scores import Score, score_named
from pytest_replication.embedders import load_embedder
from pytest_replication.embedders.probe import prove
from pytest_replication.errors import SettingsError


def check_asked(
    embedders: Sequence[str],
    scores: Sequence[str],
    background: int | None = None,
    *,
    preset: str | None = None,
    device: str = "auto",
) -> None:
    """Load every extractor, one at a time, and see that it is fit and that some score fits it.

    Args:
        embedders: names as `load_embedder` takes them.
        scores: names as `scores.score_named` takes them.
        background: number of background images; None for no background.
        preset: preprocessing preset of all extractors; None for the own one of each.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UnknownName: there is no such score, extractor or preset.
        SettingsError: an extractor is given twice, a score has no background or one that is too small for
            it, or no score fits any extractor.
        EmbedderError: an extractor cannot be loaded, or is not fit to be measured.
    """
    wanted = [score_named(name) for name in scores]
    check_ways(embedders, wanted, background)
    fit = False
    for written in embedders:
        # Let go of at once: memory is for one extractor, and it is loaded again when its turn comes.
        embedder = load_embedder(written, preset=preset, device=device)
        prove(embedder)
        fit = fit or any(not score.misfit(embedder) for score in wanted)
    if not fit:
        raise SettingsError(f"none of the scores {', '.join(scores)} fits any of {', '.join(embedders)}")


def check_ways(embedders: Sequence[str], scores: Sequence[Score], background: int | None) -> None:
    """Refuse an extractor that is given twice, and a score without a background that it needs.

    Args:
        embedders: as they were written.
        scores: all of them.
        background: number of background images; None for no background.

    Raises:
        SettingsError: there is one.
    """
    for name, times in Counter(embedders).items():
        if times > 1:
            raise SettingsError(
                f"the extractor {name} is given {times} times: results could not be told apart, give it once"
            )
    for score in scores:
        if score.needs_background and not background:
            raise SettingsError(f"the score {score.name} needs a background set: give --background IMAGES")
        if score.least > (background or 0):
            raise SettingsError(
                f"the score {score.name} needs {score.least} background images at least, and there are "
                f"{background}: add some to --background"
            )
