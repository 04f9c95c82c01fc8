"""A function of the user in the place of a model: ``module:function``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pytest_replication.errors import ModelError, ReplicationError, SampleError, is_breakage
from pytest_replication.models.base import Model, requests_of
from pytest_replication.models.samples import Label, Samples
from pytest_replication.user_code import import_named


class CallableModel(Model):
    """A function ``generate(seeds: list[int]) -> images``.

    It returns one image a seed, in a form of `Samples.of`, image i made from seeds[i] alone. If it has
    parameters ``prompts`` or ``labels``, it is given a list of one a seed by that name, and image i is made
    from prompts[i] or labels[i], too; a parameter with a default is left away where there are none.

    Args:
        name: ``module:function``; the module has to be importable.

    Raises:
        ModelError: it cannot be imported or called.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._generate = _import(name)
        self.takes_prompts, self.needs_prompts = _takes(self._generate, "prompts")
        self.takes_labels, self.needs_labels = _takes(self._generate, "labels")

    def sample(
        self, count: int, seed: int = 0, *, prompts: Sequence[str] = (), labels: Sequence[Label] = ()
    ) -> Samples:
        """Call the function once, with the seeds from `seed` on.

        Raises:
            ModelError: the function raises, or prompts or labels do not fit it.
            SampleError: it gives something else than one image a seed.
        """
        requests = requests_of(self, count, seed, prompts, labels)
        seeds = [request.seed for request in requests]
        lists: dict[str, list[Any]] = {
            "prompts": list(prompts),
            "labels": [request.label for request in requests] if len(labels) else [],
        }
        try:
            given = self._generate(list(seeds), **{name: value for name, value in lists.items() if value})
        except ReplicationError:
            raise
        except BaseException as error:
            if not is_breakage(error):
                raise
            raise ModelError(
                f"the model {self.name} raised {type(error).__name__} for seeds {seeds[0]} to {seeds[-1]}: "
                f"{error}; call it with these seeds to see where"
            ) from error
        samples = Samples.of(given, source=self.name)
        if len(samples) != count:
            raise SampleError(
                f"{self.name} gave {len(samples)} images for {count} seeds: it has to give one a seed"
            )
        return replace(
            samples,
            seeds=samples.seeds or tuple(seeds),
            prompts=samples.prompts or tuple(prompts),
            labels=samples.labels or tuple(lists["labels"]),
            model=samples.model or self.identity,
        )


def _import(name: str) -> Callable[..., object]:
    try:
        _, found = import_named(name)
    except BaseException as error:
        if not is_breakage(error):
            raise
        raise ModelError(
            f"the model {name} cannot be imported ({type(error).__name__}: {error}): name an importable "
            "module:function, with its folder on sys.path (pytest's ini key pythonpath does that, elsewhere "
            "the variable PYTHONPATH)"
        ) from error
    if not callable(found):
        raise ModelError(f"the model {name} is a {type(found).__name__}; expected a function of seeds")
    function: Callable[..., object] = found
    return function


def _takes(function: Callable[..., Any], name: str) -> tuple[bool, bool]:
    """Whether a function has a parameter, and whether it can do without."""
    try:
        parameter = inspect.signature(function).parameters.get(name)
    except (TypeError, ValueError):  # some built-in functions do not tell
        return False, False
    if parameter is None or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
        return False, False
    if parameter.kind is parameter.POSITIONAL_ONLY or name == next(
        iter(inspect.signature(function).parameters)
    ):
        return False, False
    return True, parameter.default is parameter.empty
