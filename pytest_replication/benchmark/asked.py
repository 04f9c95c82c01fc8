"""Can what was asked of extractors and scores be done? Found out before any set is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_replication.benchmark.scores import Score, score_named
from pytest_replication.embedders import load_embedder
from pytest_replication.embedders.probe import prove
from pytest_replication.errors import BenchmarkError, SettingsError


def check_asked(
    embedders: Sequence[str],
    scores: Sequence[str],
    background: int = 0,
    *,
    preset: str | None = None,
    device: str = "auto",
) -> None:
    """Load every extractor, one at a time, and see that it is fit and that some score fits it.

    Args:
        embedders: names as `load_embedder` takes them.
        scores: names as `scores.score_named` takes them.
        background: number of background images.
        preset: preprocessing preset of all extractors; None for the own one of each.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.

    Raises:
        UnknownName: there is no such score, extractor or preset.
        BenchmarkError, SettingsError: as `check_names`.
        SettingsError: no score fits any extractor.
        EmbedderError: an extractor cannot be loaded, or is not fit to be measured.
    """
    wanted = check_names(embedders, scores, background)
    fit = False
    for written in embedders:
        # Let go of at once: memory is for one extractor, and it is loaded again when its turn comes.
        embedder = load_embedder(written, preset=preset, device=device)
        prove(embedder)
        fit = fit or any(not score.misfit(embedder) for score in wanted)
    if not fit:
        raise SettingsError(f"none of the scores {', '.join(scores)} fits any of {', '.join(embedders)}")


def check_names(embedders: Sequence[str], scores: Sequence[str], background: int) -> list[Score]:
    """Find out whether a benchmark can be, before sets are made for it.

    Args:
        embedders: as `run_benchmark` takes them.
        scores: likewise.
        background: number of background pictures.

    Returns:
        The scores.

    Raises:
        BenchmarkError: neither extractors nor scores.
        SettingsError: a score that there is not, without its background or with one that is too small for it,
            or an extractor twice.
    """
    if not (embedders and scores):
        raise BenchmarkError(
            f"{len(embedders)} extractors and {len(scores)} scores are no benchmark: give one of each"
        )
    refuse_twice("extractors are", embedders)
    wanted = [score_named(name) for name in scores]
    for score in wanted:
        if score.needs_background and not background:
            raise SettingsError(f"the score {score.name} needs a background set: give --background IMAGES")
        if score.least > background:
            raise SettingsError(
                f"the score {score.name} needs {score.least} background images at least, and there are "
                f"{background}: add some to --background"
            )
    return wanted


def refuse_twice(what: str, names: Sequence[str]) -> None:
    """Refuse names of which one is there twice.

    Args:
        what: they are, with a verb.
        names: one or more.

    Raises:
        SettingsError: so it is.
    """
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise SettingsError(f"two {what} {name}: results could not be told apart, leave one out")
