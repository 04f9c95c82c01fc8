from __future__ import annotations

from collections.abc import Sequence

import pytest
from PIL import Image

from pytest_replication import Index, Model, Prompt, Prompts, Samples, load_prompts, sample_prompts
from pytest_replication.errors import SampleError, SettingsError
from pytest_replication.prompts import draw_samples


class Toy(Model):
    """Notes what it is asked for; each sample has the grey of its seed."""

    name = "toy"
    takes_prompts = True

    def __init__(self, fewer: int = 0, other: str = "", labels: bool = False) -> None:
        self.calls: list[tuple[int, int, tuple[str, ...], tuple[object, ...]]] = []
        self.fewer, self.other, self.takes_labels = fewer, other, labels

    def sample(
        self, count: int, seed: int = 0, *, prompts: Sequence[str] = (), labels: Sequence[int | str] = ()
    ) -> Samples:
        self.calls.append((count, seed, tuple(prompts), tuple(labels)))
        made = [Image.new("L", (8, 8), (seed + i) % 256).convert("RGB") for i in range(count - self.fewer)]
        told = [self.other] * len(made) if self.other else []
        return Samples.of(made, seeds=range(seed, seed + len(made)), prompts=told, source="toy")


def test_each_prompt_gets_its_seeds_in_one_call() -> None:
    model = Toy()
    samples = sample_prompts(model, ["a", "b"], 3, seed=10)
    assert model.calls == [(6, 10, ("a", "a", "a", "b", "b", "b"), ())]
    assert samples.prompts == ("a", "a", "a", "b", "b", "b")
    assert samples.seeds == (10, 11, 12, 13, 14, 15)
    assert samples.prompted is not None
    assert samples.prompted.source == "2 prompts: the prompts of the test, 3 seeds each"
    assert samples.prompted.rows == ()


def test_prompts_with_seeds_of_their_own_are_joined_to_one_set_of_samples() -> None:
    model = Toy()
    samples = sample_prompts(model, Prompts.of(["a", "b", "c"], seeds=[5, 6, 90]))
    assert [call[:3] for call in model.calls] == [(2, 5, ("a", "b")), (1, 90, ("c",))]
    assert (samples.seeds, samples.prompts) == ((5, 6, 90), ("a", "b", "c"))
    assert [image.getpixel((0, 0)) for image in samples] == [(5, 5, 5), (6, 6, 6), (90, 90, 90)]
    assert samples.names == ("sample 0", "sample 1", "sample 2")


def test_labels_alone_go_to_a_class_conditional_model() -> None:
    model = Toy(labels=True)
    samples = sample_prompts(model, Prompts.of(None, labels=[0, 7]), 2)
    assert model.calls == [(4, 0, (), ("0", "0", "7", "7"))]
    assert (samples.prompts, samples.labels) == ((), ("0", "0", "7", "7"))
    assert samples.prompted is not None
    assert samples.prompted.source.startswith("2 labels: ")


@pytest.mark.parametrize(("takes", "given"), [(True, ("x", "y")), (False, ())])
def test_labels_of_texts_go_to_a_model_that_takes_both(takes: bool, given: tuple[str, ...]) -> None:
    model = Toy(labels=takes)
    samples = sample_prompts(model, Prompts.of(["a", "b"], labels=["x", "y"]))
    assert model.calls == [(2, 0, ("a", "b"), given)]
    assert samples.labels == ("x", "y")


def test_samples_of_captions_know_the_rows_of_their_captions(captioned_index: Index) -> None:
    prompts = load_prompts("captions:label=animal", lambda: captioned_index)
    samples = sample_prompts(Toy(), prompts, 2)
    assert samples.prompted is not None
    assert samples.prompted.rows == ((0, 4), (0, 4))
    assert samples.prompted.generation == captioned_index.manifest.generation
    assert sample_prompts(Toy(), [Prompt("a")]).prompted is not None


def test_prompts_that_are_put_on_samples_later_are_no_captions(captioned_index: Index) -> None:
    samples = sample_prompts(Toy(), load_prompts("captions:label=animal", lambda: captioned_index))
    assert Samples.of(samples, prompts=["another"]).prompted is None


@pytest.mark.parametrize(
    ("model", "message"),
    [(Toy(fewer=1), "toy gave 1 samples of 2 prompts"), (Toy(other="x"), "samples of other prompts")],
)
def test_a_model_that_gives_something_else_is_refused(model: Toy, message: str) -> None:
    with pytest.raises(SampleError, match=message):
        sample_prompts(model, ["a", "b"])


def test_seeds_a_prompt_without_prompts_are_refused() -> None:
    with pytest.raises(SettingsError, match="no prompts are named"):
        draw_samples(Toy(), None, seeds_per_prompt=2)


def test_without_prompts_a_run_draws_as_before() -> None:
    model = Toy()
    assert len(draw_samples(model, None, count=3, seed=4)) == 3
    assert model.calls == [(3, 4, (), ())]


def test_rows_for_another_number_of_samples_are_refused(captioned_index: Index) -> None:
    from dataclasses import replace

    samples = sample_prompts(Toy(), load_prompts("captions:label=animal", lambda: captioned_index))
    with pytest.raises(SampleError, match="2 samples have 1 rows of captions"):
        replace(samples, images=[*samples.images] * 2, names=("a", "b"), seeds=(), prompts=(), labels=())
