"""What is seen of prompts, of a model whose prompts move it by a known amount."""

from __future__ import annotations

import numpy as np
import pytest
from pushed import SHAPE, STEPS, Pushed

from pytest_replication.errors import ModelError, SettingsError, UnknownName
from pytest_replication.screens.denoiser import Embeddings
from pytest_replication.screens.options import ScreenOptions
from pytest_replication.screens.registry import SCREENS, named
from pytest_replication.screens.schedule import Latents
from pytest_replication.screens.trace import score_prompts

OPTIONS = ScreenOptions(seeds=3, steps=STEPS, batch=4, progress=False)
PROMPTS = ["one 0.5", "two 1", "three 0.25"]


def direction(timestep: int) -> np.ndarray:
    return np.random.default_rng(timestep).standard_normal(SHAPE)


def scores(model: Pushed, name: str, options: ScreenOptions = OPTIONS) -> np.ndarray:
    return score_prompts(model, PROMPTS, named(name, options), options)[name]


def test_the_magnitude_is_what_the_prompt_adds(pushed: Pushed) -> None:
    lengths = [np.linalg.norm(direction(timestep)) for timestep in pushed.schedule.timesteps]
    wanted = np.array([0.5, 1, 0.25]) * np.mean(lengths)
    np.testing.assert_allclose(scores(pushed, "noise-magnitude"), wanted, rtol=1e-5)
    first = ScreenOptions(seeds=3, steps=STEPS, first=2, progress=False)
    wanted = np.array([0.5, 1, 0.25]) * np.mean(lengths[:2])
    np.testing.assert_allclose(scores(pushed, "noise-magnitude", first), wanted, rtol=1e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_anisotropy_adds_the_direction_near_the_end(prediction: str) -> None:
    model = Pushed(prediction)
    a, found = model.schedule.alphas[2], scores(model, "anisotropy")
    for prompt, push in enumerate([0.5, 1, 0.25]):
        each = []
        for seed in range(3):
            x = model.noise([seed])[0].astype(np.float64)
            without, change = x / 2, push * direction(500)
            if prediction == "v_prediction":
                without, change = np.sqrt(a) * x / 2 + np.sqrt(1 - a) * x, np.sqrt(a) * change
            lengths = np.linalg.norm(without, axis=0) * np.linalg.norm(change, axis=0)
            cosine = ((without * change).sum(axis=0) / lengths).mean()
            each.append(push * np.linalg.norm(direction(900)) + 2 * cosine)
        assert found[prompt] == pytest.approx(np.mean(each), rel=1e-5)
    assert {timestep for _, timestep in model.asked} == {900, 500}  # one step, and the third from last


def test_one_step_is_taken_from_pure_noise_with_guidance(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    decode = Pushed.decode
    monkeypatch.setattr(Pushed, "decode", lambda self, x: seen.append(x) or decode(self, x))
    scores(pushed, "edge-agreement")
    x = pushed.noise([0])[0].astype(np.float64)
    guided = x / 2 + 7.5 * 0.5 * direction(900)
    np.testing.assert_allclose(seen[0][0], (x - np.sqrt(0.98) * guided) / np.sqrt(0.02), rtol=1e-4, atol=1e-4)
    assert {timestep for _, timestep in pushed.asked} == {900}


def test_finished_pictures_are_those_of_guided_sampling(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    decode = Pushed.decode
    monkeypatch.setattr(Pushed, "decode", lambda self, x: seen.append(x) or decode(self, x))
    scores(pushed, "seed-agreement")
    x, schedule = pushed.noise([1])[0].astype(np.float64), pushed.schedule
    for timestep, a, after in zip(schedule.timesteps, schedule.alphas, schedule.after, strict=True):
        guided = x / 2 + 7.5 * 0.5 * direction(timestep)
        clean = (x - np.sqrt(1 - a) * guided) / np.sqrt(a)
        x = np.sqrt(after) * clean + np.sqrt(1 - after) * guided
    np.testing.assert_allclose(seen[0][1], x, rtol=1e-3, atol=1e-3)


def test_batches_of_any_size_give_the_same(pushed: Pushed) -> None:
    screens = named(tuple(SCREENS), OPTIONS)
    found = [
        score_prompts(
            pushed, PROMPTS, screens, ScreenOptions(seeds=3, steps=STEPS, batch=batch, progress=False)
        )
        for batch in (1, 7, 32)
    ]
    for name in SCREENS:
        assert len({tuple(scores[name]) for scores in found}) == 1
    alone = score_prompts(pushed, PROMPTS[1:2], screens, OPTIONS)
    assert all(alone[name][0] == found[0][name][1] for name in SCREENS)


def test_too_little_memory_halves_the_batch(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = scores(pushed, "noise-magnitude").tolist()
    monkeypatch.setattr(Pushed, "room", 4)
    assert scores(Pushed(), "noise-magnitude").tolist() == wanted
    assert "out of memory with 4 generations of pushed at a time: going on with 2" in capsys.readouterr().err
    monkeypatch.setattr(Pushed, "room", 1)
    with pytest.raises(ModelError, match="too small for one generation of pushed"):
        scores(Pushed(), "noise-magnitude")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", SCREENS)
def test_what_is_not_finite_is_an_error(name: str, bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = Pushed.predict

    def broken(self: Pushed, latents: Latents, timestep: int, embeddings: Embeddings) -> Latents:
        output = predict(self, latents, timestep, embeddings)
        output[embeddings[:, 0, 0] == 1] = bad
        return output

    monkeypatch.setattr(Pushed, "predict", broken)
    with pytest.raises(
        ModelError, match="pushed gives NaN or infinity at timestep .* for the prompt 'two 1'"
    ):
        scores(Pushed(), name)


def test_an_answer_of_another_shape_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pushed, "predict", lambda self, latents, timestep, embeddings: latents[:, :3])
    with pytest.raises(ModelError, match="answers .*expected the same"):
        scores(Pushed(), "anisotropy")


def test_screens_are_named_once_and_known() -> None:
    with pytest.raises(UnknownName, match=r"no screen 'anisotropie' \(did you mean anisotropy\?\)"):
        named("anisotropie", OPTIONS)
    for names in ((), ("anisotropy", "anisotropy")):
        with pytest.raises(SettingsError, match="name each once"):
            named(names, OPTIONS)
    with pytest.raises(SettingsError, match="3 generations that agree, of 2: give more seeds"):
        named("seed-agreement", ScreenOptions(seeds=2))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seeds": 0}, "seeds is 0; expected a whole number of 1"),
        ({"seed": -1}, "seed is -1"),
        ({"steps": 2}, "steps is 2; expected a whole number of 3"),
        ({"clique": 1}, "clique is 1"),
        ({"batch": True}, "batch is True"),
        ({"first": 51}, "first is 51 of 50 steps"),
        ({"first": 0}, "first is 0"),
        ({"guidance": float("nan")}, "guidance is nan"),
        ({"guidance": 0}, "guidance is 0"),
        ({"negative_prompt": None}, "negative_prompt is None"),
    ],
)
def test_options_are_checked(options: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        ScreenOptions(**options)  # type: ignore[arg-type]
