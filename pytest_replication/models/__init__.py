"""What makes samples: a callable, or a folder of ready ones."""

from pytest_replication.models.base import Model
from pytest_replication.models.load import draw, load_model
from pytest_replication.models.samples import Samples

__all__ = ["Model", "Samples", "draw", "load_model"]
