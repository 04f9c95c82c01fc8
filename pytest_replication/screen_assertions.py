"""The assertion about prompts of a text-to-image model, without an index."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_replication.asserted import asserted
from pytest_replication.reports.screens import render_screen
from pytest_replication.screen_verdicts import ScreenVerdict
from pytest_replication.screens.options import ScreenOptions
from pytest_replication.screens.registry import MAGNITUDE
from pytest_replication.screens.run import Call, run_screen


def assert_prompts_not_memorized(
    model: object,
    prompts: object,
    *,
    clean_prompts: object,
    control_prompts: object = (),
    screens: Sequence[str] | str = (MAGNITUDE,),
    fpr: float = 0.01,
    per: str = "prompt",
    options: ScreenOptions | None = None,
    name: str = "",
) -> ScreenVerdict:
    """Fail when prompts of a text-to-image model behave as memorised ones do. Needs no index.

    A screen looks at how the network answers a prompt, not at copies: what it flags has to be looked at,
    and a pass proves nothing. It counts for no ``--replication-require-checks``. A prompt is flagged where
    its score exceeds that of all but a few clean prompts (conformal p-values,
    `pytest_replication.stats.null`).

    Args:
        model: a diffusers pipeline in the layout of Stable Diffusion 1 or 2, as `load_model` loads it, or its
            name, or the pipeline itself.
        prompts: that are screened: a list of texts, a file (``.txt`` with one a line, ``.jsonl``, ``.csv``,
            ``.parquet``), or captions of the index of the run (``captions:duplicated-first``).
        clean_prompts: in the same forms, of the same kind, that the model cannot have memorised: they set
            the line. 1 / `fpr` of them at least, less one; for one screen at 1 % that is 99.
        control_prompts: in the same forms, that the model is known to have memorised. Half of them have to be
            flagged, else the screen is blind.
        screens: one or more of ``noise-magnitude`` (Wen et al., ICLR 2024), ``anisotropy`` (Asthana and
            Belagiannis, ICLR 2026), ``edge-agreement`` (Webster, 2023) and ``seed-agreement`` (a small
            version of the clique test of Carlini et al., 2023). Several share the false alarms.
        fpr: share of clean prompts that may be flagged, in (0, 0.5].
        per: ``prompt`` where that is the rate of one prompt; ``check`` where it is that of a check of clean
            prompts with any flagged.
        options: what is measured of each prompt.
        name: what reports call this check.

    Returns:
        The verdict, when it is a pass.

    Raises:
        ReplicationDetected: some prompts behave as memorised ones do.
        CalibrationError: there are too few clean prompts for the share.
        ControlFailed: the screen overlooks prompts that are known to be memorised.
        ReplicationError: the model, the prompts or the settings do not allow a verdict.

    Example:
        >>> def test_prompts(replication_model, assert_prompts_not_memorized):
        ...     assert_prompts_not_memorized(replication_model, "risky.txt", clean_prompts="clean.txt")
    """
    __tracebackhide__ = True
    call = Call(
        prompts=prompts,
        clean_prompts=clean_prompts,
        control_prompts=control_prompts,
        screens=screens,
        fpr=fpr,
        per=per,
        options=options,
        name=name,
    )
    return asserted(run_screen(model, call), render_screen)
