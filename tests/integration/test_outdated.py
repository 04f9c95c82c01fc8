"""What is told when an index changes after it was calibrated, and what makes it right again."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_replication import CalibrateOptions, cli, open_index
from pytest_replication.index.calibration_file import store_calibration
from pytest_replication.index.recalibrate import calibrate_again
from pytest_replication.index.writer import IndexWriter

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def measured(built_calibrated: Path, built_guarded: Path, tmp_path: Path) -> Path:
    """A calibrated index with the canaries of another one of the same rows."""
    folder = Path(shutil.copytree(built_calibrated, tmp_path / "index"))
    (canaries,) = built_guarded.glob("canaries-*")
    entry = open_index(built_guarded).manifest.canaries
    with IndexWriter(folder) as writer:
        manifest = writer.edit()
        shutil.copy(canaries, folder)
        writer.commit(replace(manifest, canaries=entry))
    return folder


def run(capsys: Captured, *arguments: object) -> tuple[int, str, str]:
    status = cli.main(list(map(str, arguments)))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_change_says_what_it_puts_out_of_use_and_how_it_was_measured(
    measured: Path, holdout: Path, unrelated: Path, pictures: Path, capsys: Captured
) -> None:
    again = f"'pytest-replication calibrate {measured} --holdout {holdout} --fpr 0.05'"
    told = f"WARNING: calibration and canaries were made before the index changed and NOT in use any more: {again}"
    assert "WARNING" not in run(capsys, "compact", measured)[1]
    for change in (
        ("append", measured, pictures),
        ("remove", measured, "--id", "cat.jpg"),
        ("compact", measured),
    ):
        status, out, _ = run(capsys, *change)
        assert status == 0
        assert told in out, change
    found = json.loads(run(capsys, "compact", measured, "--json")[1])
    assert found["out_of_use"] == ["calibration", "canaries"]

    status, _, err = run(capsys, "check", measured, unrelated)
    assert status == 3
    assert again in err
    assert "and so are its canaries out of use" in err
    assert "--canaries 0 in check" in err
    status, _, err = run(capsys, "check", measured, unrelated, "--threshold", "0.99")
    assert status == 3
    assert again in err
    assert run(capsys, "info", measured)[1].count(again) == 2


def test_the_command_says_all_that_was_given(built_calibrated: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built_calibrated, tmp_path / "index"))
    found = open_index(folder).calibration
    assert found is not None
    asked = CalibrateOptions(
        "a b/{0..2}.tar",
        fpr=0.1,
        samples=8,
        copies_from=0.97,
        max_rejected=0.05,
        plant=9,
        images=Path("train.npz"),
        seed=3,
    )
    store_calibration(open_index(folder), replace(found, asked=asked.told))
    command = calibrate_again(folder, open_index(folder).manifest)
    assert command == (
        f"'pytest-replication calibrate {folder} --holdout 'a b/{{0..2}}.tar' --fpr 0.1 --samples 8 --copies-from 0.97 "
        "--images train.npz --max-rejected 5% --plant 9 --seed 3'"
    )
    verb = cli._parser().parse_args(shlex.split(command[1:-1])[1:])
    assert (verb.holdout, verb.copies_from, verb.max_rejected) == ("a b/{0..2}.tar", 0.97, 0.05)
    store_calibration(open_index(folder), replace(found, asked=CalibrateOptions([], plant=0).told))
    again = calibrate_again(folder, open_index(folder).manifest)
    assert "--plant" not in again
    assert "--fpr 0.01" in again
    assert f"--holdout {found.source.removeprefix('folder ')}" in again


def test_the_command_is_that_of_the_calibration(built_calibrated: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built_calibrated, tmp_path / "in dex"))
    found = open_index(folder).calibration
    assert found is not None
    start = f"calibrate '{folder}'"
    for changed, wanted in (
        ({"origin": "training", "source": ""}, "--fpr 0.05'"),
        (
            {"source": "npy x y.npy", "samples": 20, "by": "label"},
            "--holdout 'x y.npy' --fpr 0.05 --samples 20 --by label'",
        ),
        ({"source": "9 images in memory"}, "--holdout IMAGES --fpr 0.05' (IMAGES were 9 images in memory)"),
    ):
        store_calibration(open_index(folder), replace(found, asked=(), **changed))
        command = calibrate_again(folder, open_index(folder).manifest)
        assert command == f"'pytest-replication {start} {wanted}"
    (path,) = folder.glob("calibration-*")
    path.write_text("torn")
    assert calibrate_again(folder, open_index(folder).manifest).endswith("--holdout IMAGES'")
