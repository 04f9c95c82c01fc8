"""A function of the user in the place of a model: ``module:function``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace

from pytest_replication.errors import ModelError, ReplicationError, SampleError
from pytest_replication.models.base import Model, check_count
from pytest_replication.models.samples import Samples


class CallableModel(Model):
    """A function ``generate(seeds: list[int]) -> images``.

    It returns one image a seed, in a form of `Samples.of`, image i made from seeds[i] alone.

    Args:
        name: ``module:function``; the module has to be importable.

    Raises:
        ModelError: it cannot be imported or called.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._generate = _import(name)

    def sample(self, count: int, seed: int) -> Samples:
        """Call the function with the seeds from `seed` on.

        Raises:
            ModelError: the function raises.
            SampleError: it gives something else than one image a seed.
        """
        check_count(count)
        seeds = list(range(seed, seed + count))
        try:
            given = self._generate(list(seeds))
        except ReplicationError:
            raise
        except Exception as error:  # a model may raise anything
            raise ModelError(
                f"the model {self.name} raised {type(error).__name__} for seeds {seeds[0]} to {seeds[-1]}: "
                f"{error}; call it with these seeds to see where"
            ) from error
        samples = Samples.of(given, source=self.name)
        if len(samples) != count:
            raise SampleError(
                f"{self.name} gave {len(samples)} images for {count} seeds: it has to give one a seed"
            )
        return samples if samples.seeds else replace(samples, seeds=tuple(seeds))


def _import(name: str) -> Callable[[list[int]], object]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a module may raise anything while it is imported
        raise ModelError(
            f"the model {name} cannot be imported ({type(error).__name__}: {error}): name an importable "
            "module:function, with its folder on sys.path (pytest's ini key pythonpath does that, elsewhere "
            "the variable PYTHONPATH)"
        ) from error
    if not callable(found):
        raise ModelError(f"the model {name} is a {type(found).__name__}; expected a function of seeds")
    function: Callable[[list[int]], object] = found
    return function
