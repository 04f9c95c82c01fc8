"""From scores to a verdict: which prompts are flagged, how surely, and what is never a pass."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pushed import Pushed

from pytest_replication import screen_prompts
from pytest_replication.asserted import asserted
from pytest_replication.errors import (
    CalibrationError,
    ControlFailed,
    ModelError,
    ReplicationDetected,
    ReplicationError,
    SettingsError,
)
from pytest_replication.prompts import Prompts
from pytest_replication.reports.screens import render_screen, screen_data
from pytest_replication.screen_assertions import assert_prompts_not_memorized
from pytest_replication.screen_verdicts import ScreenRule, ScreenVerdict
from pytest_replication.screens.judging import calibrate, chance_of
from pytest_replication.screens.options import ScreenOptions
from pytest_replication.screens.prompts import texts_of

OPTIONS = ScreenOptions(seeds=1, steps=5, first=1, batch=32, progress=False)
LOUD, QUIET = "memorised 0.9", "innocent 0.15"


def screened(clean: list[str], prompts: object = (QUIET,), **changed: object) -> ScreenVerdict:
    given = {"clean_prompts": clean, "fpr": 0.05, "options": OPTIONS} | changed
    return screen_prompts(Pushed(), prompts, **given)  # type: ignore[arg-type]


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 12), min_size=19, max_size=60),
    st.lists(st.integers(0, 12), min_size=1, max_size=8),
    st.sampled_from([0.05, 0.1, 0.3]),
    st.integers(1, 2),
)
def test_a_prompt_is_flagged_where_its_conformal_p_is_at_most_the_rate(
    clean: list[int], found: list[int], fpr: float, count: int
) -> None:
    names = ("a", "b")[:count]
    if len(set(clean)) == 1 or (len(clean) + 1) * fpr / count < 1:
        return
    scores = {name: np.array(clean, float) for name in names}
    ready = calibrate(ScreenRule(names, fpr), len(found), scores, "it")
    judged = ready.judge([str(x) for x in found], {name: np.array(found, float) for name in names})
    for x, prompt in zip(found, judged, strict=True):
        p = Fraction(1 + sum(h >= x for h in clean), len(clean) + 1)
        assert prompt.flagged == (p * count <= Fraction(str(fpr)))
        assert prompt.p == pytest.approx(min(1, float(p) * count))


def test_what_moves_the_noise_more_than_clean_prompts_is_flagged(clean: list[str]) -> None:
    verdict = screened(clean, [QUIET, LOUD])
    assert [prompt.prompt for prompt in verdict.flagged] == [LOUD]
    assert verdict.flagged[0].p == 0.01
    assert not verdict.passed
    (line,) = verdict.lines
    assert line.rank == 5
    assert sum(prompt.flagged for prompt in verdict.prompts) == 1
    assert verdict.expected == pytest.approx(2 * 0.05)
    assert verdict.chance == pytest.approx(1 - (95 / 100) * (96 / 101))  # two prompts against one line
    assert 0 < verdict.share_lower < 0.5 < verdict.share_upper < 1
    with pytest.raises(ReplicationDetected, match="1 of 2 prompts behaves as memorised ones do"):
        asserted(verdict, render_screen)


def test_what_does_not_is_a_pass_that_proves_nothing(clean: list[str]) -> None:
    verdict = screened(clean)
    assert verdict.passed
    said = render_screen(verdict)
    assert said.startswith("none of 1 prompt behaves as memorised ones do")
    assert "no proof that nothing is copied" in said.splitlines()[0]
    assert "a pass proves nothing of copies" in said
    assert "no positive control" in said
    assert "at most 95 % of prompts drawn as these were would be" in said
    with pytest.raises(TypeError, match="ask verdict.passed"):
        bool(verdict)


def test_the_share_may_be_that_of_the_whole_check(clean: list[str]) -> None:
    several = [f"innocent {number / 100:.2f}" for number in range(4)]
    assert screened(clean, several, fpr=0.04, per="check").lines[0].rank == 1
    with pytest.raises(CalibrationError, match="99 clean prompts .* of 3 % a check: give 133 or more"):
        screened(clean, several, fpr=0.03, per="check")
    assert screened(clean, several, fpr=0.03).lines[0].rank == 3


def test_several_screens_share_the_false_alarms(clean: list[str]) -> None:
    verdict = screened(clean, [QUIET, LOUD], screens=("noise-magnitude", "anisotropy"), fpr=0.06)
    assert [line.rank for line in verdict.lines] == [3, 3]
    assert verdict.flagged[0].p == pytest.approx(0.02)
    assert set(verdict.flagged[0].scores) == {"noise-magnitude", "anisotropy"}


def test_too_few_clean_prompts_are_an_error_before_the_model_is_asked(clean: list[str]) -> None:
    model = Pushed()
    with pytest.raises(
        CalibrationError, match="18 clean prompts cannot tell .* of 5 % a prompt: give 19 or more"
    ):
        screen_prompts(model, [LOUD], clean_prompts=clean[:18], fpr=0.05, options=OPTIONS)
    assert not model.asked
    with pytest.raises(CalibrationError, match="by 2 screens: give 39"):
        screened(clean[:38], screens=("noise-magnitude", "anisotropy"))


def test_repeats_do_not_make_clean_prompts_more(clean: list[str]) -> None:
    with pytest.raises(CalibrationError, match="10 clean prompts"):
        screened([*clean[:10], *(f"  {text.upper()} " for text in clean[:10])])
    assert "(1 that repeats others left out)" in screened(clean, [QUIET, f" {QUIET}  "]).source


def test_a_screen_that_sees_nothing_of_the_prompt_is_an_error(
    clean: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pushed, "predict", lambda self, latents, timestep, embeddings: latents)
    with pytest.raises(ModelError, match="noise-magnitude is 0 for all 99 clean prompts"):
        screened(clean, [LOUD])


def test_a_screen_whose_line_is_its_ceiling_could_flag_nothing() -> None:
    for name, top in (("edge-agreement", 1.0), ("seed-agreement", 0.0)):
        scores = {name: np.array([top] * 3 + [top - 0.5] * 97)}
        with pytest.raises(CalibrationError, match="the highest score that there is, for 2 or more of 100"):
            calibrate(ScreenRule((name,), 0.02), 5, scores, "it")
        assert calibrate(ScreenRule((name,), 0.04), 5, scores, "it").lines()[0].line == top - 0.5


def test_chance_is_what_simulated_checks_of_clean_prompts_bring() -> None:
    rng, clean, prompts = np.random.default_rng(0), 99, 200
    rule = ScreenRule(("a",), 0.01)
    counts = []
    for _ in range(2000):
        ready = calibrate(rule, prompts, {"a": rng.random(clean)}, "it")
        counts.append(int((rng.random(prompts) > ready.lines()[0].line).sum()))
    for flagged in (1, 4, 8):
        told = chance_of(flagged, prompts, ready.lines(), clean)
        assert told == pytest.approx(np.mean(np.array(counts) >= flagged), abs=0.03)
    lines = ready.lines()
    assert chance_of(0, prompts, lines, clean) == 1
    assert chance_of(8, prompts, lines * 2, clean) == min(1.0, 2 * chance_of(4, prompts, lines, clean))


def test_known_memorised_prompts_have_to_be_flagged(clean: list[str]) -> None:
    verdict = screened(clean, control_prompts=["known 0.8", "known 0.7", "missed 0.1"])
    assert (verdict.control, verdict.control_found) == (3, 2)
    assert "2 of 3 known memorised prompts flagged" in render_screen(verdict)
    assert "no positive control" not in render_screen(verdict)
    with pytest.raises(ControlFailed, match=r"only 1 of 3 .*\(missed: 'missed 0.1'\)"):
        screened(clean, control_prompts=["known 0.8", "missed 0.1", "missed 0.11"])


def test_clean_prompts_are_not_those_that_are_screened(clean: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"1 of 99 clean prompts are screened as well"):
        screened(clean, [QUIET, clean[3].upper()])
    with pytest.raises(SettingsError, match="are control prompts as well"):
        screened(clean, control_prompts=[clean[3]])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fpr": 0}, "fpr is 0; expected a share"),
        ({"fpr": 0.6}, "fpr is 0.6"),
        ({"fpr": True}, "fpr is True"),
        ({"per": "sample"}, "per is 'sample'; expected prompt or check"),
        ({"prompts": []}, "holds no prompts"),
        ({"prompts": ["a", " "]}, "a prompt is blank"),
        ({"prompts": [3]}, "the prompts: prompt 0 is 3; expected a text"),
        ({"prompts": 3}, "prompts are 3; expected a list"),
        ({"prompts": "no-such-file.txt"}, "no file of prompts at no-such-file.txt"),
        ({"options": {"seeds": 3}}, "expected ScreenOptions"),
    ],
)
def test_what_cannot_be_screened_is_an_error(clean: list[str], changed: dict[str, object], said: str) -> None:
    with pytest.raises(ReplicationError, match=said):
        screened(clean, **changed)  # type: ignore[arg-type]


def test_prompts_may_be_a_file_with_one_a_line(tmp_path: pytest.TempPathFactory) -> None:
    file = tmp_path / "prompts.txt"  # type: ignore[operator]
    file.write_text("a cat\n two dogs \n")
    assert texts_of(file, "prompts").texts == ("a cat", "two dogs")
    assert texts_of(["b", "a", "B "], "prompts").texts == ("b", "a")
    file.write_text("")
    with pytest.raises(SettingsError, match="the prompts: .* holds no prompts"):
        texts_of(str(file), "prompts")
    with pytest.raises(SettingsError, match="are labels alone; a screen takes texts"):
        texts_of(Prompts.of(None, labels=[1, 2]), "prompts")


def test_failures_by_chance_are_told(clean: list[str]) -> None:
    several = [LOUD, *(f"innocent {number / 1000:.3f}" for number in range(20))]
    said = render_screen(screened(clean, several))
    assert "WARNING    chance alone flags 1 prompt or more in up to 62.5 % of checks" in said
    assert "chance alone" not in render_screen(screened(clean, [LOUD], fpr=0.01))


def test_the_data_hold_every_prompt(clean: list[str]) -> None:
    data = screen_data(screened(clean, [QUIET, LOUD]))
    assert [row["prompt"] for row in data["screened"]] == [LOUD, QUIET]
    assert [row["prompt"] for row in data["flagged"]] == [LOUD]
    assert (data["kind"], data["outcome"], data["clean"]) == ("screen", "fail", 99)


def test_the_assertion_returns_what_it_measured(clean: list[str]) -> None:
    given = {"clean_prompts": clean, "fpr": 0.05, "options": OPTIONS}
    assert assert_prompts_not_memorized(Pushed(), [QUIET], **given).passed  # type: ignore[arg-type]
    with pytest.raises(ReplicationDetected) as caught:
        assert_prompts_not_memorized(Pushed(), [LOUD], **given)  # type: ignore[arg-type]
    assert caught.value.verdict.flagged[0].prompt == LOUD  # type: ignore[union-attr]
