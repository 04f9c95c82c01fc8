"""Models at the command line and in pytest: sampled, cached, judged, and one sample made again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import BuildOptions, build_index, cli
from pytest_replication.models import load_model

SUITE = """
def test_release(replication_samples, assert_no_replication):
    assert len(replication_samples) == 4
    assert_no_replication(replication_samples, 0.99)
"""


@pytest.fixture(scope="module")
def copied_index(ddpm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index of samples of the tiny pipeline: a training set that it copies, from seed 100 on."""
    folder = tmp_path_factory.mktemp("copied")
    (folder / "images").mkdir()
    for number, image in enumerate(load_model(str(ddpm), ["steps=2"]).sample(2, seed=100)):
        image.save(folder / "images" / f"{number}.png")
    build_index(folder / "images", folder / "index", BuildOptions(embedder="pixels"))
    return folder / "index"


def test_one_sample_is_written_as_it_was_judged(
    ddpm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "one.png"
    words = ["sample", str(ddpm), "--model-option", "steps=2", "--seed", "7", "--out", str(out), "--json"]
    assert cli.main(words) == 0
    told = json.loads(capsys.readouterr().out)
    model = load_model(str(ddpm), ["steps=2"])
    assert told["model"]["fingerprint"] == model.fingerprint
    assert told["files"] == [{"file": str(out), "seed": 7, "prompt": None, "label": None}]
    assert Image.open(out).tobytes() == model.sample(1, seed=7).image(0).tobytes()


def test_many_samples_take_the_place_of_a_model(ddpm: Path, tmp_path: Path) -> None:
    out = tmp_path / "samples"
    words = ["sample", str(ddpm), "--model-option=steps=2", "--seed=5", "--count=3", f"--out={out}"]
    assert cli.main(words) == 0
    ready = load_model(str(out)).sample(3)
    assert ready.seeds == (5, 6, 7)
    assert np.array_equal(
        [np.asarray(image) for image in ready],
        [np.asarray(image) for image in load_model(str(ddpm), ["steps=2"]).sample(3, seed=5)],
    )
    assert list(tmp_path.iterdir()) == [out]
    assert cli.main(words) == 2  # the folder is there


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--out=x.jpg"], 2, "is no PNG"),
        (["--out=no/x.png"], 2, "there is no folder for --out"),
        (["--out=x", "--count=0"], 2, "give 1 or more"),
        (["--out=x.png", "--prompt=a"], 3, "takes no prompts"),
        (["--out=x.png", "--label=3"], 3, "takes no labels"),
        (["--out=x.png", "--model-option=guidance=3"], 3, "takes no guidance"),
        (["--out=x", "--count=2", "--model-option=steps=1000000"], 3, "failed for seeds 0 to 1"),
    ],
)
def test_what_cannot_be_sampled_is_told(
    ddpm: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sample", str(ddpm), *words]) == status
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ready_samples_are_not_made(
    unrelated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sample", str(unrelated), f"--out={tmp_path / 'x.png'}"]) == 3
    assert "holds samples that were made before" in capsys.readouterr().err


def test_a_failure_ends_with_the_command_that_makes_the_worst_sample(
    pytester: pytest.Pytester, ddpm: Path, copied_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(SUITE)
    cache = pytester.path / "cache"
    words = [
        "-pno:cacheprovider",
        f"--replication-index={copied_index}",
        f"--replication-model={ddpm}",
        "--replication-model-option=steps=2",
        f"--replication-cache={cache}",
        "--replication-count=4",
        "--replication-seed=98",
    ]
    result = pytester.runpytest_inprocess(*words)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*2 of 4 samples replicate training images*", "*model *fingerprint*steps=2*"]
    )
    line = next(text for text in result.outlines if " again " in text)  # twice, where CI is set
    command = shlex.split(line.partition(" again ")[2])
    assert command[0] == "pytest-replication"
    out = pytester.path / "again.png"
    assert cli.main([*command[1:-1], str(out)]) == 0
    training = Image.open(copied_index.parent / "images" / "0.png").convert("RGB")
    assert Image.open(out).tobytes() == training.tobytes()

    # The same model again: the same verdict, from the cache alone.
    assert len(list(cache.rglob("*.png"))) == 4
    monkeypatch.setattr("pytest_replication.models.diffusers.DiffusersModel.make", None)
    again = pytester.runpytest_inprocess(*words)
    again.assert_outcomes(failed=1)
    told = [[text for text in run.outlines if "score" in text] for run in (result, again)]
    assert told[0] == told[1]


def test_batches_and_runs_give_equal_verdicts(
    ddpm: Path, copied_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for batch in (1, 7, 32, 32):
        words = [
            "check",
            str(copied_index),
            str(ddpm),
            "--count=33",
            "--seed=90",
            "--threshold=0.99",
            "--json",
        ]
        assert cli.main([*words, "--model-option=steps=2", f"--model-option=batch={batch}"]) == 1
        verdict = json.loads(capsys.readouterr().out)
        found.append([(p["seed"], round(p["score"], 3), p["training_id"]) for p in verdict["pairs"]])
    assert found[0] == found[1] == found[2] == found[3]
    assert [seed for seed, _, _ in found[0]] == [100, 101]


def test_options_and_the_model_may_stand_in_the_ini_file(
    pytester: pytest.Pytester, ddpm: Path, copied_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    (pytester.path / "release.toml").write_text(f"[model]\npath = '{ddpm}'\n[sampling]\nsteps = 9\n")
    pytester.makeini(
        f"[pytest]\nreplication_index = {copied_index}\nreplication_model = release.toml\n"
        "replication_model_option =\n  steps=2\n  batch=3\n"
    )
    pytester.makepyfile(
        """
        import os

        def test_release(replication_model, tmp_path, monkeypatch):
            assert replication_model.identity.options == ("steps=2", "batch=3")
            assert replication_model.batch == 3
            assert os.path.isabs(replication_model.name)
        """
    )
    pytester.runpytest_inprocess("-pno:cacheprovider").assert_outcomes(passed=1)
    wrong = pytester.runpytest_inprocess("-pno:cacheprovider", "--replication-model-option=steps")
    wrong.stderr.fnmatch_lines(["*'steps' is no KEY=VALUE, such as steps=25"])
