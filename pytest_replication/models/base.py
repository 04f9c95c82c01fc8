"""What a model under test is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pytest_replication.errors import SampleError
from pytest_replication.models.samples import Samples


def check_count(count: int) -> None:
    """Refuse to draw no samples.

    Raises:
        SampleError: the count is below 1.
    """
    if count < 1:
        raise SampleError(f"{count} samples are wanted: give a count of 1 or more")


class Model(ABC):
    """A generative model.

    Attributes:
        name: what it was loaded from.
    """

    name: str

    @abstractmethod
    def sample(self, count: int, seed: int) -> Samples:
        """Draw samples.

        Args:
            count: how many.
            seed: seed of the first; sample i is made from seed + i alone, so that it can be made
                again by itself.

        Raises:
            SampleError: the model gives too few images, or unusable ones.
        """
