"""Can what was asked of extractors and scores be done? Found out before any set is made for it."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_replication.benchmark.run import check_names
from pytest_replication.embedders import load_embedder
from pytest_replication.embedders.probe import prove
from pytest_replication.errors import SettingsError


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
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

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
