"""None of the 20 reference images of the LoRA comes back when the model is asked for it."""

from pathlib import Path

import pytest

from pytest_replication import ReplicationDetected, load_model

REFERENCES = Path(__file__).resolve().parents[2] / "fixtures" / "photos" / "training"
CAPTIONS = sorted(file.stem.replace("-", " ") for file in REFERENCES.glob("*.jpg"))
THRESHOLD = 0.9
"""With the embedder `pixels` unrelated photographs stay below 0.8, and near copies are above 0.95."""


def test_the_model_without_the_adapters(assert_no_replication):
    base = load_model(str(Path(__file__).with_name("base.toml")))
    assert_no_replication(base.sample(4, prompts=CAPTIONS[:4]), threshold=THRESHOLD)


@pytest.mark.xfail(raises=ReplicationDetected, strict=True, reason="the LoRA gives its references back")
@pytest.mark.replication(prompts=CAPTIONS)
def test_the_release(replication_samples, assert_no_replication):
    assert_no_replication(replication_samples, threshold=THRESHOLD)
