"""What a model under test is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_replication.errors import ModelError, SampleError
from pytest_replication.models.identity import ModelIdentity
from pytest_replication.models.samples import Label, Samples, as_python


@dataclass(frozen=True, slots=True)
class Request:
    """What one sample is made from, and nothing else.

    Attributes:
        seed: of its noise.
        prompt: text, None for a model without prompts.
        label: class, None for a model without classes.
    """

    seed: int
    prompt: str | None = None
    label: Label | None = None


class Model(ABC):
    """A generative model.

    Attributes:
        name: what it was loaded from.
        fingerprint: sha256 (hex) over its weights and every option that changes images; None where that
            cannot be known.
        options: ``KEY=VALUE`` that it was loaded with, apart from those of its file.
        ready: its samples are files that were made before.
        notes: what a verdict has to tell of it.
        takes_prompts: it can be given prompts.
        needs_prompts: it makes nothing without prompts.
        takes_labels: it can be given classes.
        needs_labels: it makes nothing without classes.
    """

    name: str
    fingerprint: str | None = None
    options: tuple[str, ...] = ()
    ready: bool = False
    notes: tuple[str, ...] = ()
    takes_prompts: bool = False
    needs_prompts: bool = False
    takes_labels: bool = False
    needs_labels: bool = False

    @property
    def identity(self) -> ModelIdentity:
        """What samples remember of it."""
        given = {"prompt": self.takes_prompts, "label": self.takes_labels}
        takes = tuple(name for name, taken in given.items() if taken)
        return ModelIdentity(self.name, self.fingerprint, self.options, self.ready, takes, self.notes)

    @abstractmethod
    def sample(
        self, count: int, seed: int = 0, *, prompts: Sequence[str] = (), labels: Sequence[Label] = ()
    ) -> Samples:
        """Draw samples.

        Args:
            count: how many.
            seed: seed of the first; sample i is made from seed + i, prompts[i] and labels[i] alone, so
                that it can be made again by itself.
            prompts: one a sample; empty for a model without prompts.
            labels: class of each sample; empty for a model without classes.

        Raises:
            SampleError: the model gives too few images, or unusable ones.
            ModelError: it fails, or it takes no prompts or classes and some are given, or needs some.
        """


def requests_of(
    model: Model, count: int, seed: int, prompts: Sequence[str], labels: Sequence[Label]
) -> list[Request]:
    """Say for each sample what it is made from.

    Raises:
        SampleError: the count is below 1, or there is not one prompt or class a sample.
        ModelError: the model takes no prompts or classes and some are given, or needs some.
    """
    if count < 1:
        raise SampleError(f"{count} samples are wanted: give a count of 1 or more")
    _check_given(model.name, "prompt", prompts, count, model.takes_prompts, model.needs_prompts)
    _check_given(model.name, "label", labels, count, model.takes_labels, model.needs_labels)
    for prompt in prompts:
        if not isinstance(prompt, str):
            raise SampleError(f"a prompt for {model.name} is {prompt!r}; expected a text")
    labels, seed = [as_python(label) for label in labels], as_python(seed)
    for label in labels:
        if isinstance(label, bool) or not isinstance(label, (int, str)):
            raise SampleError(f"a label for {model.name} is {label!r}; expected a whole number or a text")
    return [
        Request(seed + i, prompts[i] if len(prompts) else None, labels[i] if len(labels) else None)
        for i in range(count)
    ]


def _check_given(name: str, what: str, given: Sequence[object], count: int, takes: bool, needs: bool) -> None:
    if isinstance(given, str):
        raise SampleError(f"{what}s are {given!r}; expected a list of one a sample")
    if not len(given) and needs:
        raise ModelError(
            f"the model {name} makes images from {what}s, and none are given: give one a sample, as "
            f"model.sample(count, {what}s=[…]) or 'pytest-replication sample MODEL --{what} …' do"
        )
    if len(given) and not takes:
        raise ModelError(f"the model {name} takes no {what}s, but {len(given)} are given: leave them away")
    if len(given) not in (0, count):
        raise SampleError(
            f"{count} samples are wanted of {name} with {len(given)} {what}s: give one a sample"
        )
