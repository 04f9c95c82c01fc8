"""From a model and prompts to the verdict of a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_replication.asked import breakage_told
from pytest_replication.errors import ModelError, SampleError
from pytest_replication.models import Model, load_model
from pytest_replication.models.diffusers import DiffusersModel
from pytest_replication.reports.screens import render_screen, screen_row
from pytest_replication.screen_verdicts import CHECK, ScreenedPrompt, ScreenRule, ScreenVerdict
from pytest_replication.screens.denoiser import Denoiser
from pytest_replication.screens.judging import (
    Calibrated,
    calibrate,
    chance_of,
    check_clean,
    check_control,
    check_rule,
)
from pytest_replication.screens.options import GUIDANCE, ScreenOptions
from pytest_replication.screens.prompts import Texts, keep_apart, texts_of
from pytest_replication.screens.registry import MAGNITUDE, Screen, named
from pytest_replication.screens.stable_diffusion import StableDiffusion
from pytest_replication.screens.trace import Scores, score_prompts
from pytest_replication.stats.flags import false_flags
from pytest_replication.stats.intervals import lower_bound, upper_bound
from pytest_replication.surroundings import current
from pytest_replication.verdicts import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What both the assertion and the measurement take.

    Attributes:
        prompts: that are screened.
        clean_prompts: that the model cannot have memorised.
        control_prompts: that it is known to have memorised.
        screens: names.
        fpr: see `ScreenRule`.
        per: see `ScreenRule`.
        options: of measuring.
        name: what reports call the check.
        asserted: whether the verdict fails the test.
    """

    prompts: object
    clean_prompts: object
    control_prompts: object = ()
    screens: Sequence[str] | str = (MAGNITUDE,)
    fpr: float = 0.01
    per: str = "prompt"
    options: ScreenOptions | None = None
    name: str = ""
    asserted: bool = True


def screen_prompts(
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
    """Measure which prompts behave as memorised ones do, and judge. Asserts nothing, and needs no index.

    Args:
        model: see `pytest_replication.assert_prompts_not_memorized`, and so on for the rest.
        prompts: see there.
        clean_prompts: see there.
        control_prompts: see there.
        screens: see there.
        fpr: see there.
        per: see there.
        options: see there.
        name: see there.

    Returns:
        The verdict, with the scores of every prompt.

    Raises:
        ReplicationError: the model, the prompts or the settings do not allow a verdict.
    """
    call = Call(
        prompts=prompts,
        clean_prompts=clean_prompts,
        control_prompts=control_prompts,
        screens=screens,
        fpr=fpr,
        per=per,
        options=options,
        name=name,
        asserted=False,
    )
    return run_screen(model, call)


def run_screen(model: object, call: Call) -> ScreenVerdict:
    """Do what `screen_prompts` says, and tell the run what came out.

    Raises:
        ReplicationError: the model, the prompts or the settings do not allow a verdict.
    """
    run = current()
    if run is not None:
        run.begin()
    with breakage_told(run, "screen"):
        verdict = _measure(model, call)
    if run is not None:
        run.note(screen_row(verdict), call.asserted, lambda: render_screen(verdict))
    return verdict


def open_denoiser(model: object, options: ScreenOptions) -> Denoiser:
    """Look into a model.

    Args:
        model: one of diffusers loaded by `load_model`, its name, a pipeline of diffusers, or a `Denoiser`.
        options: of measuring.

    Raises:
        ModelError: it cannot be looked into.
    """
    if isinstance(model, Denoiser):
        return model
    if isinstance(model, str):
        model = load_model(model)
    pipeline: Any = getattr(model, "pipeline", None) if isinstance(model, Model) else model
    if pipeline is None or not hasattr(pipeline, "components"):
        what = getattr(model, "name", None) or repr(model)
        raise ModelError(
            f"screens look into the network of a text-to-image model, and {what} gives images only: give the "
            "folder of a diffusers pipeline, or the pipeline itself"
        )
    if not isinstance(model, DiffusersModel):
        return StableDiffusion(pipeline, options)
    chosen = model.chosen
    found = StableDiffusion(pipeline, options, model.name, model.fingerprint, (chosen.height, chosen.width))
    found.notes = model.notes
    if chosen.guidance is not None:  # pipelines guide with scales above 1 only
        found.guidance = max(1.0, chosen.guidance)
    if chosen.negative_prompt and not options.negative_prompt:
        found.notes += ("the negative prompt of the model plays no part: the empty prompt does",)
    return found


def _measure(model: object, call: Call) -> ScreenVerdict:
    options = call.options or ScreenOptions()
    if not isinstance(options, ScreenOptions):
        raise SampleError(f"options are {options!r}; expected ScreenOptions")
    screens = named(call.screens, options)
    rule = ScreenRule(tuple(screen.name for screen in screens), call.fpr, call.per)
    check_rule(rule)
    run = current()
    index = None if run is None else run.index
    asked = texts_of(call.prompts, "prompts", index)
    clean = texts_of(call.clean_prompts, "clean prompts", index)
    control = texts_of(call.control_prompts, "control prompts", index, may_be_none=True)
    keep_apart(clean, asked, "screened")
    keep_apart(clean, control, "control prompts")
    check_clean(rule, len(asked), len(clean))
    denoiser = open_denoiser(model, options)
    calibrated = calibrate(rule, len(asked), _scores(denoiser, clean, screens, options), denoiser.name)
    known: tuple[ScreenedPrompt, ...] = ()
    if len(control):  # first, since nothing is told of the others if it fails
        known = calibrated.judge(control.texts, _scores(denoiser, control, screens, options))
    found = check_control(known)
    screened = calibrated.judge(asked.texts, _scores(denoiser, asked, screens, options))
    verdict = _verdict(screened, calibrated, denoiser, len(clean))
    return replace(
        verdict,
        source=asked.source,
        clean_source=clean.source,
        control=len(known),
        control_found=found,
        settings=_settings(options, denoiser),
        notes=denoiser.notes,
        check=call.name,
    )


def _scores(
    denoiser: Denoiser, texts: Texts, screens: Sequence[Screen], options: ScreenOptions
) -> dict[str, Scores]:
    return score_prompts(denoiser, texts.texts, screens, options, texts.what)


def _verdict(
    screened: Sequence[ScreenedPrompt], calibrated: Calibrated, denoiser: Denoiser, clean: int
) -> ScreenVerdict:
    flagged, count, rule = sum(prompt.flagged for prompt in screened), len(screened), calibrated.rule
    lines = calibrated.lines()
    rate = min(1.0, sum(line.rank for line in lines) / (clean + 1))  # of one prompt, by any screen
    return ScreenVerdict(
        outcome=Outcome.FAIL if flagged else Outcome.PASS,
        rule=rule,
        model=denoiser.name,
        fingerprint=denoiser.fingerprint,
        prompts=tuple(sorted(screened, key=lambda prompt: (not prompt.flagged, prompt.p))),
        source="",
        clean=clean,
        clean_source="",
        lines=lines,
        expected=false_flags(count, rate)[0],
        chance=chance_of(flagged, count, lines, clean),
        share_upper=upper_bound(flagged, count, CHECK),
        share_lower=lower_bound(flagged, count, CHECK),
    )


def _settings(options: ScreenOptions, denoiser: Denoiser) -> str:
    scale = options.guidance or denoiser.guidance or GUIDANCE
    first = f", the first {options.first} measured" if options.first is not None else ""
    without = f", {options.negative_prompt!r} as no prompt" if options.negative_prompt else ""
    last = options.seed + options.seeds - 1
    seeds = f"seeds {options.seed} to {last}" if options.seeds > 1 else f"seed {options.seed}"
    return f"{options.steps} DDIM steps{first}, guidance {scale:g}{without}, {seeds}"
