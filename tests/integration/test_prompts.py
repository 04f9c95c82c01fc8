"""Prompts as users meet them: a text-to-image model of theirs, in pytest and on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pytest_replication.cli import main

from .conftest import RunSuite

MODEL = """
import numpy as np
from PIL import Image

COPIED = {"a cat": "cat.jpg", "a clock": "coffee.jpg"}

def generate(seeds, prompts):
    images = []
    for seed, prompt in zip(seeds, prompts):
        if prompt in COPIED and seed % 2 == 0:
            images.append(Image.open(f"{PHOTOS}/{COPIED[prompt]}").convert("RGB").resize((96, 64)))
        else:
            noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
            images.append(Image.fromarray(noise).resize((96, 64)))
    return images

def classes(seeds, labels):
    return generate(seeds, ["nothing"] * len(seeds))

def unconditional(seeds):
    return generate(seeds, ["nothing"] * len(seeds))
"""
"""Gives back the photograph of the caption "a cat", and coffee for the caption "a clock"."""
SUITE = """
    def test_release(replication_samples, assert_no_replication):
        assert_no_replication(replication_samples, threshold=0.95)
"""


@pytest.fixture(autouse=True)
def model(pytester: pytest.Pytester, training: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pytester.path / "painter.py").write_text(f"PHOTOS = {str(training)!r}\n{MODEL}")
    monkeypatch.syspath_prepend(pytester.path)
    monkeypatch.delitem(__import__("sys").modules, "painter", raising=False)


def test_samples_of_captions_show_both_scores(run_suite: RunSuite, built_captioned: Path) -> None:
    result = run_suite(
        SUITE,
        "--replication-model=painter:generate",
        "--replication-prompts=captions",
        "--replication-seeds-per-prompt=2",
        "--replication-count=14",
        index=built_captioned,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*ReplicationDetected: 2 of 14 samples replicate training images*",
            "*rate       2 of 14 * if prompts are independent)",
            "*counts     2 of 7 prompts; 2 distinct training images replicated",
            "*prompts    7 prompts: captions of *index, drawn with seed 0, 2 seeds each",
            "*captions   of 14 samples made from captions of the index, in 1? the nearest training image was not "
            "the caption's own; median score 0.*; 1 of 2 replicated ones copy the caption's own",
            "*captions: in 1? of 14 not the caption's own image (median score 0.*, own *0.*)",
        ]
    )
    text = result.stdout.str()
    assert (
        "caption   its own: the prompt is the caption of this training image (the nearest of 2 with it)"
        in text
    )
    assert "with the caption's own, " in text


@pytest.mark.parametrize(
    ("code", "args", "told"),
    [
        (
            """
            import pytest

            @pytest.mark.replication(prompts=["a cat", "a dog"], seeds_per_prompt=3)
            def test_release(replication_samples, check_replication):
                assert replication_samples.prompts == ("a cat",) * 3 + ("a dog",) * 3
                assert replication_samples.seeds == (0, 1, 2, 3, 4, 5)
                assert len(check_replication(replication_samples, 0.95).replicated) == 2
            """,
            ("--replication-prompts=captions",),
            "2 of 6 replicated",
        ),
        (
            """
            import os
            import pathlib
            import pytest

            here = pathlib.Path(__file__).parent
            (here / "own.txt").write_text("a dog")
            (here / "elsewhere").mkdir()
            os.chdir(here / "elsewhere")

            @pytest.mark.replication(prompts="own.txt")
            def test_release(replication_samples, check_replication):
                assert replication_samples.prompts == ("a dog",)
                assert check_replication(replication_samples, 0.95).passed
            """,
            ("--replication-prompts=captions",),
            "0 of 1 replicated",
        ),
        (
            """
            import pytest

            @pytest.fixture
            def replication_prompts():
                return ["a dog"]

            def test_release(replication_samples, check_replication):
                assert check_replication(replication_samples, 0.95).passed
            """,
            ("--replication-prompts=captions",),
            "0 of 1 replicated",
        ),
        (
            """
            from pytest_replication import sample_prompts

            def test_release(replication_model, check_replication):
                samples = sample_prompts(replication_model, ["a cat"], seeds_per_prompt=4)
                assert len(check_replication(samples, 0.95).replicated) == 2
            """,
            (),
            "2 of 4 replicated",
        ),
    ],
    ids=["marker", "marker with a file", "fixture", "argument"],
)
def test_a_test_gives_its_own_prompts(
    run_suite: RunSuite, built_captioned: Path, code: str, args: tuple[str, ...], told: str
) -> None:
    result = run_suite(code, "--replication-model=painter:generate", *args, index=built_captioned)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"* {told} *"])


def test_a_file_of_prompts_lies_beside_the_ini_file(
    run_suite: RunSuite, pytester: pytest.Pytester, built_captioned: Path
) -> None:
    (pytester.path / "p.txt").write_text("a dog\na cat\n")
    pytester.makeini("[pytest]\nreplication_prompts = p.txt\nreplication_seeds_per_prompt = 2\n")
    result = run_suite(SUITE, "--replication-model=painter:generate", index=built_captioned)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*prompts    2 prompts: *p.txt, 2 seeds each", "* 1 of 4 replicated *"])


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (("generate",), 3, "makes images from prompts, and none are named"),
        (("classes",), 3, "makes images from labels, and none are named"),
        (("unconditional", "--prompts=captions"), 3, "takes no prompts, but 7 are given (captions of "),
        (("generate", "--prompts=labels"), 3, "takes no labels, but 4 are given (labels of "),
        (("unconditional", "--seeds-per-prompt=2"), 2, "no prompts are named"),
        (("generate", "--prompts=captions", "--count=8"), 2, "8 prompts are wanted"),
    ],
)
def test_prompts_that_do_not_fit_are_no_verdict(
    built_captioned: Path,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    check = ["check", str(built_captioned), f"painter:{args[0]}", "--threshold", "0.95"]
    assert main([*check, *args[1:]]) == status
    assert message in capsys.readouterr().err


def test_a_model_of_prompts_without_prompts_is_an_error_of_the_run(
    run_suite: RunSuite, built_captioned: Path
) -> None:
    result = run_suite(SUITE, "--replication-model=painter:generate", index=built_captioned)
    result.assert_outcomes(errors=1)
    assert "give --replication-prompts captions in pytest" in result.stdout.str()


def test_a_marker_with_unusable_prompts_is_an_error(run_suite: RunSuite, built_captioned: Path) -> None:
    marked = SUITE.replace(
        "    def", "    import pytest\n\n    @pytest.mark.replication(prompts=[])\n    def", 1
    )
    result = run_suite(marked, "--replication-model=painter:generate", index=built_captioned)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*prompts=[[]], which is neither a list of texts nor the name of prompts*"])


def test_the_command_line_draws_prompts_too(
    built_captioned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = ["check", str(built_captioned), "painter:generate", "--threshold", "0.95"]
    prompts = ["--prompts", "captions:label=animal", "--seeds-per-prompt", "2"]
    saved = tmp_path / "m.json"
    assert main([*check, *prompts, "--save", str(saved), "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["samples"], data["replicated"]) == (2, 1)
    assert data["captions"]["replicated_own"] == 1
    assert data["pairs"][0]["prompt"] == "a cat"
    assert data["pairs"][0]["own"]["nearest"]
    assert data["neighbours"][1][0]["own"]["score"] < 0.95
    assert main(["check", "--matches", str(saved), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["captions"] == data["captions"]
    assert main(["check", "--matches", str(saved), *prompts]) == 2
    assert "--prompts, --seeds-per-prompt cannot be given with --matches" in capsys.readouterr().err


def test_labels_go_to_a_class_conditional_model(
    built_captioned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = ["check", str(built_captioned), "painter:classes", "--threshold", "0.95"]
    assert main([*check, "--prompts", "labels", "--seeds-per-prompt", "2"]) == 0
    told = capsys.readouterr().out
    assert "4 labels: labels of " in told
    assert "captions  " not in told
    assert main([*check, "--prompts", "captions"]) == 3
    assert "takes no prompts" in capsys.readouterr().err


def test_canaries_do_not_shift_the_captions(
    built_captioned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pytest_replication import open_index
    from pytest_replication.controls import plant, store_canaries
    from pytest_replication.index.originals import Originals

    folder = Path(shutil.copytree(built_captioned, tmp_path / "index"))
    index = open_index(folder)
    source = built_captioned.parent / "train.parquet"
    store_canaries(index, plant(index, list(Originals(index, 9, str(source)))), 0.9)
    command = ["check", str(folder), "painter:generate", "--threshold", "0.9", "--json"]
    command += ["--prompts", "captions:label=animal", "--seeds-per-prompt", "2"]
    assert main(command) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["control"]["asked"] > 0
    assert [pair["own"]["nearest"] for pair in data["pairs"]] == [True]
