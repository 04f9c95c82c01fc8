"""The command line, as a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from pytest_replication import __version__, cli
from pytest_replication.embedders import weights

from .conftest import RunSuite

Run = subprocess.CompletedProcess[str]


def start(*args: object, cwd: Path | None = None) -> Run:
    """Run the program, in a process of its own."""
    program = Path(sys.executable).with_name("pytest-replication")
    return subprocess.run([program, *map(str, args)], capture_output=True, text=True, cwd=cwd)


def call(*args: object) -> Run:
    """Run what the program runs, in this process: a start takes longer than most verbs."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = cli.main([str(arg) for arg in args])
        except SystemExit as stop:  # a wrong use of an option
            status = int(stop.code or 0)
    return Run(args, status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, training: Path) -> Path:
    out = tmp_path_factory.mktemp("cli") / "index"
    done = start("build", training, "--out", out, "--embedder", "pixels")
    assert done.returncode == 0, done.stderr
    assert f"{out}: 20 training images from folder {training}" in done.stdout
    assert "images/s (load " in done.stdout
    assert done.stderr == ""  # the progress bar is for terminals
    return out


def test_build_resumes_and_answers_in_json(built: Path, training: Path) -> None:
    done = call("build", training, "--out", built, "--embedder", "pixels", "--json")
    data = json.loads(done.stdout)
    assert (data["rows"], data["resumed"], data["rejected"]["count"]) == (20, 20, 0)


def test_build_lists_what_it_could_not_read(pictures: Path, tmp_path: Path) -> None:
    (pictures / "bad.png").write_text("no image")
    out = tmp_path / "index"
    refused = call("build", pictures, "--out", out, "--embedder", "pixels")
    assert refused.returncode == 3
    assert f"{pictures / 'bad.png'}: not an image in a format that is read" in refused.stderr
    accepted = call("build", pictures, "--out", out, "--embedder", "pixels", "--max-rejected", "1")
    assert accepted.returncode == 0
    assert "NOT in the index: 1 image that could not be read" in accepted.stdout
    assert "NOT in it    1 image that" in call("info", out).stdout


def test_info(built: Path) -> None:
    text = call("info", built).stdout
    assert "20 training images" in text
    assert "weights      none" in text
    data = json.loads(call("info", built, "--json").stdout)
    assert (data["rows"], data["shards"], data["views"]) == (20, 1, ["whole"])
    assert data["embedder"]["name"] == "pixels"


def test_verify(built: Path, damaged: Path) -> None:
    sound = call("verify", built)
    assert (sound.returncode, json.loads(call("verify", built, "--json").stdout)["sound"]) == (0, True)
    assert "sound, 4 files" in sound.stdout
    path = damaged / "shards" / "000000" / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    broken = call("verify", damaged)
    assert broken.returncode == 3
    assert f"{path} has changed: sha256 is" in broken.stderr
    assert "DAMAGED" in broken.stderr


def test_verify_of_an_index_that_is_not_finished(pictures: Path, tmp_path: Path) -> None:
    (pictures / "bad.png").write_text("no image")
    index = tmp_path / "index"
    assert call("build", pictures, "--out", index, "--embedder", "pixels").returncode == 3
    done = call("verify", index)
    assert done.returncode == 3
    assert f"{index}: UNFINISHED: the 4 files that are there are sound, but the build of" in done.stderr
    assert "--max-rejected 1 accepts the gap" in done.stderr
    assert "DAMAGED" not in done.stderr
    removed = call("remove", index, "--id", "00.png")
    assert removed.returncode == 3
    assert "--max-rejected 1 accepts the gap" in removed.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("remove", "x/index", "--id", "1"),
        ("compact", "x/index"),
        ("build", "bad.tgz", "--out", "x/index", "--embedder", "pixels"),
    ],
    ids=lambda command: command[0],
)
def test_what_is_refused_leaves_no_folder(tmp_path: Path, command: tuple[str, ...]) -> None:
    with tarfile.open(tmp_path / "bad.tgz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.jpg"))
    content = bytearray((tmp_path / "bad.tgz").read_bytes())
    content[-8] ^= 255
    (tmp_path / "bad.tgz").write_bytes(content)
    done = start(*command, cwd=tmp_path)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tgz"]


def test_search(built: Path, training: Path) -> None:
    done = call("search", built, training / "cat.jpg", training / "coffee.jpg", "-k", "2")
    lines = done.stdout.splitlines()
    assert lines[0] == str(training / "cat.jpg")
    assert lines[1] == f"   1.000  {training / 'cat.jpg'}  (id cat.jpg)"
    assert len(lines) == 6
    data = json.loads(call("search", built, training, "--json", "-k", "1").stdout)
    assert len(data) == 20
    assert all(row["neighbours"][0]["score"] == pytest.approx(1) for row in data)
    digests = {row["neighbours"][0]["training_sha256"] for row in data}
    assert digests == {hashlib.sha256(path.read_bytes()).hexdigest() for path in training.iterdir()}
    assert call("search", built, training / "cat.jpg", "-k", "0").returncode == 2


def test_check_exits_0_1_or_3(built: Path, training: Path, unrelated: Path) -> None:
    passed = call("check", built, unrelated, "--threshold", "0.9")
    assert (passed.returncode, passed.stdout.startswith("PASS: none of 11 samples")) == (0, True)
    failed = call("check", built, training, "--threshold", "0.9", "--json")
    data = json.loads(failed.stdout)
    assert (failed.returncode, data["outcome"], data["replicated"]) == (1, "fail", 20)
    assert {len(found) for found in data["neighbours"]} == {1}
    more = call("check", built, training, "--threshold", "0.9", "--json", "--neighbours", "7")
    assert {len(found) for found in json.loads(more.stdout)["neighbours"]} == {7}
    unsure = call("check", built, unrelated, "--threshold", "0.9", "--max-rate", "0.1")
    assert (unsure.returncode, unsure.stdout.startswith("INCONCLUSIVE: ")) == (3, True)


def test_check_takes_a_function_from_where_the_user_stands(built: Path, tmp_path: Path) -> None:
    (tmp_path / "toy_generator.py").write_text(
        "from PIL import Image\n"
        "def make(seeds):\n"
        "    return [Image.new('RGB', (8, 8), (s % 256, 9, 99)) for s in seeds]\n"
    )
    done = start("check", built, "toy_generator:make", "--count", "7", "--threshold", "0.9", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "none of 7 samples" in done.stdout


def test_check_takes_part_of_a_folder(built: Path, unrelated: Path) -> None:
    assert "none of 3 samples" in call("check", built, unrelated, "--count", "3", "--threshold", "0.9").stdout


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        ((), 2, "required: VERB"),
        (("check",), 2, "check needs an index and samples"),
        (("build", "x"), 2, "--out"),
        (("check", "INDEX", "SAMPLES", "--threshold", "7"), 2, "can never decide"),
        (("check", "INDEX", "SAMPLES"), 2, "no threshold"),
        (("check", "INDEX", "nothing"), 3, "there is no model 'nothing'"),
        (
            ("check", "INDEX", __file__),
            3,
            "is a file and no image: give the folder or .tar that samples are in",
        ),
        (("check", "INDEX", "no_such:make"), 3, "elsewhere the variable PYTHONPATH"),
        (
            ("check", "INDEX", "SAMPLES", "--thresh", "0.9"),
            2,
            "unrecognized arguments: --thresh 0.9 (did you mean --threshold?)",
        ),
        (("check", "INDEX", "SAMPLES", "--score", "split"), 2, "unrecognized arguments: --score split"),
        (("chek", "INDEX", "SAMPLES"), 2, "'weights') (did you mean check?)"),
        (("experiment", "sise"), 2, "'complexity') (did you mean size?)"),
        (
            ("build", "SAMPLES", "--ot=x"),
            2,
            "are required: --out; --ot is unknown (did you mean --out?)",
        ),
        (("check", "INDEX", "SAMPLES", "--neighbours", "-1"), 2, "no whole number from 0 on"),
        (
            ("build", "SAMPLES", "--out", "x", "--max-rejected", "0.5"),
            2,
            "'0.5' is neither a number of images",
        ),
        (
            ("build", "SAMPLES", "--out", "x", "--max-rejected", "half%"),
            2,
            "nor a share from 0% to below 100%",
        ),
        (
            ("build", "SAMPLES", "--out", "x", "--max-rejected", "100%"),
            2,
            "nor a share from 0% to below 100%",
        ),
        (("check", "nothing", "SAMPLES"), 3, "there is no index at nothing"),
        (("info", "nothing"), 3, "there is no index at nothing"),
        (("build", "nothing", "--out", "x"), 3, "nothing does not exist"),
        (("build", "SAMPLES", "--out", "x", "--embedder", "no-such"), 2, "no embedder 'no-such'"),
        (("build", "SAMPLES", "--out", "x", "--preset", "no-such"), 2, "no preset 'no-such'"),
        (("search", "INDEX", "SAMPLES", "--embedder", "no-such"), 2, "no embedder 'no-such'"),
        (("check", "INDEX", "SAMPLES", "--threshold", "0.9", "--embedder", "sscd"), 3, "another embedder"),
    ],
)
def test_wrong_use_is_2_and_cannot_tell_is_3(
    built: Path,
    unrelated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"INDEX": built, "SAMPLES": unrelated}
    done = call(*(names.get(arg, arg) for arg in args))
    assert done.returncode == status
    assert message in done.stderr
    if "unrecognized" in message:
        assert done.stderr.startswith("usage: pytest-replication check")


def test_the_status_of_the_process_is_that_of_the_verb(built: Path, unrelated: Path) -> None:
    done = start("check", built, unrelated, "--threshold", "7")
    assert (done.returncode, done.stdout) == (2, "")
    assert "can never decide" in done.stderr
    assert "Traceback" not in done.stderr
    assert start("info", built / "nothing").returncode == 3


def test_an_error_is_json_where_that_is_asked_for(tmp_path: Path) -> None:
    done = call("info", tmp_path, "--json")
    assert json.loads(done.stdout)["error"]["type"] == "IndexNotFound"


def test_version_and_help() -> None:
    assert call("--version").stdout == f"pytest-replication {__version__}\n"
    for verb in ("build", "info", "verify", "search", "check", "weights"):
        assert "--json" in call(verb, "--help").stdout


def test_weights_at_hand_and_weights_out_of_reach(tmp_path: Path) -> None:
    listed = json.loads(call("weights", "list", "--json").stdout)
    assert listed["found"][0]["path"].endswith("sscd.onnx")
    assert {entry["name"] for entry in listed["found"]} >= {"sscd", "sscd-distilled"}
    assert "sha256" in call("weights", "list").stdout


def test_weights_of_a_variant_are_told_apart_from_those_of_sscd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(weights.CACHE_VARIABLE, str(tmp_path))
    assert cli.main(["weights", "list", "sscd-disc-blur"]) == 0
    assert "weights pull sscd-disc-blur" in capsys.readouterr().out
    (tmp_path / "sscd_disc_blur.torchvision.pt").write_bytes(b"weights")
    assert cli.main(["weights", "list", "sscd-disc-blur"]) == 0
    assert str(tmp_path / "sscd_disc_blur.torchvision.pt") in capsys.readouterr().out


def test_weights_pull(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(weights.CACHE_VARIABLE, str(tmp_path))
    (tmp_path / "sscd_disc_mixup.torchvision.pt").write_bytes(b"weights")
    assert cli.main(["weights", "pull", "sscd"]) == 0
    assert str(tmp_path / "sscd_disc_mixup.torchvision.pt") in capsys.readouterr().out
    assert cli.main(["weights", "pull", "sscd", "--sha256", "00"]) == 3


def test_without_weights_the_list_says_where_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pytest_replication.embedders.sscd.candidates", lambda name: [])
    assert cli.main(["weights", "list"]) == 0
    assert "weights pull sscd" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"), [([], "the same command again"), (["--overwrite"], "without --overwrite")]
)
def test_an_interrupt_is_130_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_replication._cli.build.build_index", interrupt)
    assert cli.main(["build", "x", "--out", "y", *more]) == 130
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("error", ["RuntimeError", "SystemExit"])
def test_a_model_that_raises_is_not_a_model_that_copies(built: Path, tmp_path: Path, error: str) -> None:
    (tmp_path / "raising.py").write_text(f"def make(seeds):\n    raise {error}('out of memory')\n")
    done = start("check", built, "raising:make", "--threshold", "0.9", cwd=tmp_path)
    assert done.returncode == 3
    assert f"raising:make raised {error}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("count", ["0", "-1"])
def test_a_count_below_one_drops_nothing(built: Path, training: Path, count: str) -> None:
    assert call("check", built, training, "--threshold", "0.9", "--count", count).returncode == 3


UNEXPECTED = {
    ZeroDivisionError("x"): "error: info broke down: ZeroDivisionError: x",
    SystemExit(0): "error: info broke down: SystemExit: 0",
    asyncio.CancelledError(): "error: info broke down: CancelledError: ",
    pytest.skip.Exception("no GPU"): "error: info broke down: Skipped: no GPU",
    ModuleNotFoundError(
        "No module named 'lost'", name="lost"
    ): "error: lost cannot be loaded (ModuleNotFoundError",
}


@pytest.mark.parametrize("error", UNEXPECTED, ids=repr)
def test_anything_unexpected_is_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    def broken(path: str) -> None:
        raise error

    monkeypatch.setattr("pytest_replication._cli.info.open_index", broken)
    assert cli.main(["info", "index"]) == 3
    assert UNEXPECTED[error] in capsys.readouterr().err


def test_the_life_of_an_index(pictures: Path, training: Path, tmp_path: Path) -> None:
    index, other, both = tmp_path / "a", tmp_path / "b", tmp_path / "ab"
    assert (
        call("build", pictures, "--out", index, "--embedder", "pixels", "--max-rejected", "5%").returncode
        == 0
    )
    appended = json.loads(call("append", index, training, "--json").stdout)
    assert (appended["rows"], appended["listed"], appended["known"]) == (32, 20, 0)
    (tmp_path / "out.txt").write_text("# opted out in May\n\n03.png\n#\n")
    removed = call("remove", index, "--id", "04.png", "--list", tmp_path / "out.txt")
    assert "2 training images removed, 30 left" in removed.stdout
    assert call("remove", index, "--id", "nobody").returncode == 2
    (tmp_path / "odd.txt").write_text("#17\n")  # an id may begin so
    assert "no training image of id #17" in call("remove", index, "--list", tmp_path / "odd.txt").stderr
    info = call("info", index).stdout
    assert "removed      2 training images, 2 still stored" in info
    assert "folder" in info
    assert "2 removed images deleted" in call("compact", index).stdout
    assert call("build", training, "--out", other, "--embedder", "pixels").returncode == 0
    assert "50 training images from 2 indexes" in call("merge", index, other, "--out", both).stdout
    made = json.loads(call("engine", both, "int8", "--json").stdout)
    assert made["made"] == made["shards"] == 3
    assert call("verify", both).returncode == 0
    assert json.loads(call("info", both, "--json").stdout)["removed"] == 2
    assert call("remove", both, "--id", "coffee.jpg").returncode == 2
    assert f"  source 2     folder {training}: 20 of 20" in call("info", both).stdout
    removed = call("remove", both, "--id", "coffee.jpg", "--source", "2").stdout
    assert "1 training image removed, 49 left" in removed
    assert "1 of these is a copy of a file named by id and still searched: --sha256" in removed
    assert (
        "(1 more had been removed before)"
        in call("remove", both, "--id", "coffee.jpg", "--all-sources").stdout
    )


def test_import(built: Path, unrelated: Path, tmp_path: Path) -> None:
    import numpy as np

    from pytest_replication import open_index

    np.save(tmp_path / "v.npy", open_index(built).shards[0].embeddings()[0][:, 0])
    args = ("import", tmp_path / "v.npy", "--out", tmp_path / "index")
    unnamed = call(*args)
    assert unnamed.returncode == 2
    assert "required: --embedder" in unnamed.stderr
    other = call(*args, "--embedder", "sscd")
    assert other.returncode == 2
    assert "not of 512: name the embedder that made them with --embedder" in other.stderr
    done = call(*args, "--embedder", "pixels")
    assert done.returncode == 0
    assert "NOT proved" in done.stdout
    assert "embedder declared and NOT proved" in call("info", tmp_path / "index").stdout
    check = ("check", tmp_path / "index", unrelated, "--threshold", "0.9")
    refused = call(*check)
    assert refused.returncode == 3
    assert "--allow-unproved (pytest-replication check)" in refused.stderr
    allowed = call(*check, "--allow-unproved")
    assert allowed.returncode == 0
    assert "WARNING    vectors of the index were imported" in allowed.stdout


def test_duplicates(training: Path, tmp_path: Path) -> None:
    photo = min(training.iterdir())
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}{photo.suffix}").write_bytes(photo.read_bytes())
    (folder / "other.jpg").write_bytes(max(training.iterdir()).read_bytes())
    index = tmp_path / "index"
    assert call("build", folder, "--out", index, "--embedder", "pixels").returncode == 0
    assert "not counted" in call("info", index).stdout
    unasked = call("duplicates", index)
    assert unasked.returncode == 2
    assert "pixels of" in unasked.stderr
    assert "give --threshold" in unasked.stderr
    count = ("duplicates", index, "--threshold", "0.95")
    data = json.loads(call(*count, "--json").stdout)
    assert (data["images"], data["groups"], data["largest"][0]["copies"]) == (2, 1, 2)
    shown = call(*count).stdout
    assert "2 of 3 training images are duplicates" in shown
    assert "  2 alike, 2 exactly  " in shown
    check = call("check", index, folder, "--threshold", "0.9")
    assert ", stands 2 times in the training set" in check.stdout
    assert "2 images in 1 group (score >= 0.95)" in call("info", index).stdout
    assert json.loads(call("info", index, "--json").stdout)["duplicates"]["images"] == 2
    assert call("verify", index).returncode == 0


def test_info_tells_whether_all_shards_have_engine_codes(
    damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = damaged
    codes = index / "engines" / "int8"
    told = []
    for gone in ((), ("000000",), ("000000", "000001", "000002")):
        assert cli.main(["engine", str(index), "int8"]) == 0
        for name in gone:
            shutil.rmtree(codes / name)
        capsys.readouterr()
        assert cli.main(["info", str(index)]) == 0
        told.append(capsys.readouterr().out)
    assert "speeds up the exact scan" in told[0]
    assert "int8: in use in part: 1 of 3 shards have none" in told[1]
    assert "int8: NOT in use: 3 of 3 shards have none" in told[2]


@pytest.mark.slow
def test_an_approximate_engine_is_built_certified_and_relied_on(
    built: Path, unrelated: Path, training: Path, tmp_path: Path
) -> None:
    pytest.importorskip("faiss")

    index = Path(shutil.copytree(built, tmp_path / "index"))
    asked = call("engine", index, "faiss-ivf")
    assert asked.returncode == 2
    assert "no documented threshold to certify an engine at: give --threshold" in asked.stderr
    made = call("engine", index, "faiss-ivf", "--threshold", "0.9", "0.95")
    assert made.returncode == 0, made.stderr
    assert "faiss-ivf of 20 vectors" in made.stdout
    assert "0.9: certified, recall above 99.9 % (0 of 3000 planted copies missed" in made.stdout
    assert "faiss-ivf, " in call("info", index).stdout
    assert "certified at 0.9 (recall above 0.999), 0.95 (recall above 0.999)" in call("info", index).stdout
    checked = ("check", index, unrelated, "--engine", "faiss-ivf", "--allow-approximate", "--threshold")
    passed = call(*checked, "0.9")
    assert passed.returncode == 0
    assert "searched by faiss-ivf: recall above 99.9 % at 0.9" in passed.stdout
    other = call(*checked, "0.91")
    assert other.returncode == 0
    assert "the exact scan decided: faiss-ivf has no certificate of a recall of 0.999 at 0.91" in other.stdout
    found = call("search", index, training / "cat.jpg", "--engine", "faiss-ivf", "-k", "1")
    assert " 1.000 " in found.stdout
    assert "cat.jpg" in found.stdout
    assert call("verify", index).returncode == 0
    path = next(p for p in (index / "engines" / "faiss-ivf").iterdir() if p.suffix != ".json")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    damaged = call("verify", index)
    assert damaged.returncode == 3
    assert f"build it with 'pytest-replication engine {index} faiss-ivf'" in damaged.stderr
    again = json.loads(call("engine", index, "faiss-ivf", "--threshold", "0.9", "--json").stdout)
    assert again["results"][0]["certified"] is True
    assert call("verify", index).returncode == 0


@pytest.mark.parametrize("verb", [("engine", "annoy"), ("check", "photos", "--engine", "annoy")])
@pytest.mark.parametrize("share", ["0", "1", "99.9", "-1", "nan", "x"])
def test_a_recall_of_an_engine_that_is_none_is_wrong_usage(
    built: Path, capsys: pytest.CaptureFixture[str], verb: tuple[str, ...], share: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([verb[0], str(built), *verb[1:], "--min-recall", share])
    assert caught.value.code == 2
    assert "argument --min-recall" in capsys.readouterr().err


def test_an_engine_whose_recall_cannot_be_proved_is_refused(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("faiss")
    import numpy as np

    from pytest_replication.search.engines.faiss import FaissIvf

    index = Path(shutil.copytree(built, tmp_path / "index"))
    blind = lambda self, queries, k: np.zeros((len(queries), k), np.int64)  # noqa: E731
    monkeypatch.setattr(FaissIvf, "_propose", blind)
    assert cli.main(["engine", str(index), "faiss-ivf", "--threshold", "0.9"]) == 3
    assert "0.9: REFUSED, the exact scan decides here: faiss-ivf missed " in capsys.readouterr().out
    assert cli.main(["engine", str(index), "faiss-ivf", "--threshold", "0.9", "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert data["results"][0]["certified"] is False
    assert "certified at" not in call("info", index).stdout


def test_info_accounts_for_every_image(pictures: Path, unrelated: Path, tmp_path: Path) -> None:
    (pictures / "03 again.png").write_bytes((pictures / "03.png").read_bytes())
    for number in range(22):
        (pictures / f"cut {number:02d}.png").write_bytes((pictures / "00.png").read_bytes()[: 900 + number])
    (pictures / "empty.png").touch()
    index = tmp_path / "index"
    build = ("build", pictures, "--out", index, "--embedder", "pixels")
    assert call(*build).returncode == 3
    named = call("info", index, "--rejected").stdout.splitlines()  # also of a build that was refused
    assert (len(named), named[-1]) == (23, f"{pictures / 'empty.png'}: the file is empty")
    assert len(json.loads(call("info", index, "--rejected", "--json").stdout)) == 23
    assert call(*build, "--max-rejected", "23").returncode == 0
    assert call("append", index, unrelated).returncode == 0
    assert call("duplicates", index, "--threshold", "0.95").returncode == 0
    text = call("info", index).stdout
    assert f"folder {pictures}: 13 of 36 images (23 rejected)\n" in text
    assert f"folder {unrelated}: 11 of 11 images, added 2" in text
    assert "2 images in 1 group (score >= 0.95)" in text
    assert "(today) by pytest-replication " in text
    assert "1 of each image (whole), 769 numbers of float32" in text
    assert "size         2 shards, " in text
    assert "NOT in it    23 images that could not be read:\n    22 x damaged: " in text
    assert "and 3 more ('info INDEX --rejected' lists all)" in text
    assert call("remove", index, "--id", "03.png").returncode == 0
    assert "13 of 36" not in (masked := call("info", index).stdout)
    assert "12 of 36 images (23 rejected, 1 removed)" in masked
    assert call("compact", index).returncode == 0
    assert "12 of 36 images (23 rejected, 1 removed)" in call("info", index).stdout
    assert call("duplicates", index, "--threshold", "0.95").returncode == 0
    assert "duplicates   none (score >= 0.95)" in call("info", index).stdout
    (first, _) = json.loads(call("info", index, "--json").stdout)["sources"]
    assert (first["rows"], first["rejected"], first["removed"], first["listed"]) == (12, 23, 1, 36)


def test_benchmark(training: Path, unrelated: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    asked = ("benchmark", "--out", out, "--set", "edits", "--images", training, "--others", unrelated)
    asked += ("--count", 6, "--negatives", 2, "--embedder", "pixels", "--score", "inner", "inner+norm")
    missing = call(*asked)
    assert missing.returncode == 2
    assert "needs a background set: give --background IMAGES" in missing.stderr
    refused = call(*asked, "--background", unrelated, "--no-figures")
    assert refused.returncode == 3
    assert "2 of 11 background images show pictures of the sets" in refused.stderr  # the two negatives
    behind = tmp_path / "behind"
    behind.mkdir()
    for path in sorted(unrelated.iterdir()):
        if f"{path} (queries of edits" not in refused.stderr:
            shutil.copyfile(path, behind / path.name)
    asked += ("--background", behind, "--no-figures")
    done = call(*asked)
    assert done.returncode == 0, done.stderr
    assert "| mAP | edits |" in done.stdout
    assert "| recall at false-positive rate" not in done.stdout  # of 2 negatives
    assert "results.csv" in done.stdout
    assert (out / "results.csv").read_text().count("\n") == 3
    again = json.loads(call(*asked, "--json").stdout)
    assert [(row["set"], row["extractor"], row["score"]) for row in again] == [
        ("edits", "pixels", "inner"),
        ("edits", "pixels", "inner+norm"),
    ]
    assert again[0]["metrics"]["recall at false-positive rate 1 %"] is None
    assert f"{again[0]['metrics']['mAP']:.3f}" in done.stdout
    unknown = call("benchmark", "--out", out, "--set", "cutmx", "--embedder", "pixels")
    assert (unknown.returncode, "there is no set 'cutmx'" in unknown.stderr) == (2, True)


def test_paths_are_shown_without_the_folders_that_they_leave_again(
    built: Path, unrelated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "index").symlink_to(built)
    (tmp_path / "samples").symlink_to(unrelated)
    monkeypatch.chdir(tmp_path)
    done = call("check", "repo/../index", "repo/../samples", "--threshold=0.99", "--report=repo/../out")
    assert done.returncode == 0
    assert "index: 20 training images" in done.stdout
    assert ".." not in done.stdout
    assert ".." not in (tmp_path / "out" / "results.json").read_text().replace('"repo/../', "").replace(
        "=repo/../", ""
    )


def test_pytest_shows_paths_so_too(
    run_suite: RunSuite, pytester: pytest.Pytester, built_pixels: Path
) -> None:
    (pytester.path / "repo").mkdir()
    (pytester.path / "index").symlink_to(built_pixels)
    result = run_suite(
        "def test_a(assert_no_replication): assert_no_replication('photos/unrelated', threshold=0.99)",
        "--replication-report=repo/../out",
        index=Path("repo/../index"),
    )
    assert result.ret == 0
    assert ".." not in "".join(line for line in result.outlines if not line.startswith("test_"))
