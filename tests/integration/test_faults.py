"""The fault table: nothing that is broken may pass, and every error says what mends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from resealed import reseal

import pytest_replication
from pytest_replication import BuildOptions, Index, build_index, cli
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.writer import IndexWriter
from pytest_replication.sealed import digest

from .conftest import PASSING, RunSuite

VECTORS = Path("shards") / "000001" / "embeddings.npy"


def missing(index: Path) -> None:
    (index / "manifest.json").rename(index / "lost.json")


def gone(index: Path) -> None:
    shutil.rmtree(index)


def other_decoder(index: Path) -> None:
    edit(index, decoder="another")


def empty(index: Path) -> None:
    edit(index, shards=[], sources=sources(index, listed=0))


def shard_missing(index: Path) -> None:
    (index / VECTORS).unlink()


def shard_truncated(index: Path) -> None:
    os.truncate(index / VECTORS, 1000)


def bit_flipped(index: Path) -> None:
    content = bytearray((index / VECTORS).read_bytes())
    content[len(content) // 2] ^= 1
    (index / VECTORS).write_bytes(content)


def records_flipped(index: Path) -> None:
    for shard in ("000000", "000001", "000002"):
        path = index / "shards" / shard / "records.parquet"
        content = bytearray(path.read_bytes())
        content[len(content) // 4] ^= 255
        path.write_bytes(content)


def other_format(index: Path) -> None:
    body = json.loads((index / "manifest.json").read_text())
    (index / "manifest.json").write_text(json.dumps(body | {"format": 99}))


def manifest_edited(index: Path) -> None:
    text = (index / "manifest.json").read_text()
    (index / "manifest.json").write_text(text.replace('"max_rejected": 0', '"max_rejected": 9'))


def other_embedder(index: Path) -> None:
    body = json.loads((index / "manifest.json").read_text())
    edit(index, embedder=body["embedder"] | {"preprocessing": "another", "weights_sha256": "ab" * 32})


def unfinished(index: Path) -> None:
    edit(index, complete=False)


def probe_missing(index: Path) -> None:
    (index / "probe.npz").unlink()


def totals_wrong(index: Path) -> None:
    edit(index, sources=sources(index, listed=21))


def records_of_others(index: Path) -> None:
    """Sealed again, so that only the images that it is about tell it."""
    for shard in ("000000", "000001", "000002"):
        path = index / "shards" / shard / "records.parquet"
        table = pq.read_table(path)
        column = pa.array(["ab" * 32] * len(table))
        pq.write_table(table.set_column(table.schema.get_field_index("sha256"), "sha256", column), path)
    reseal(index)


def program_named(index: Path) -> None:
    body = json.loads((index / "manifest.json").read_text())
    edit(index, embedder=body["embedder"] | {"location": "callable:downloaded:embed"})


def sources(index: Path, **changes: object) -> list[dict[str, object]]:
    """The one source of the manifest, changed."""
    return [json.loads((index / "manifest.json").read_text())["sources"][0] | changes]


def edit(index: Path, **changes: object) -> None:
    """Change a manifest and sign it again: damage that its digest cannot show."""
    body = json.loads((index / "manifest.json").read_text()) | changes
    body.pop("sha256")
    (index / "manifest.json").write_text(json.dumps({**body, "sha256": digest(body)}))


DAMAGE: dict[Callable[[Path], None], tuple[str, str]] = {
    missing: ("manifest.json is missing although there are shards beside it", "--overwrite"),
    gone: ("there is no index at", "pytest-replication build IMAGES --out"),
    empty: ("is empty", "--overwrite"),
    shard_missing: ("000001/embeddings.npy is missing", "give the same 'pytest-replication build' again"),
    shard_truncated: (
        "000001/embeddings.npy has 1000 bytes, expected",
        "give the same 'pytest-replication build' again",
    ),
    bit_flipped: ("000001/embeddings.npy has changed since it was written", "--overwrite"),
    records_flipped: ("records.parquet", "pytest-replication"),
    other_format: ("manifest.json is in format 99, this version reads format 2", "install the version"),
    manifest_edited: ("manifest.json has changed since it was written", "--overwrite"),
    other_embedder: ("was made with another embedder", "--replication-embedder"),
    unfinished: ("the build of", "give the same 'pytest-replication build' again"),
    probe_missing: ("probe.npz is missing", "--overwrite"),
    program_named: ("runs the code of a module", "--replication-embedder callable:downloaded:embed"),
    other_decoder: ("were decoded as 'another', this version decodes as", "--overwrite"),
    totals_wrong: ("lists 21 images of folder", "--overwrite"),
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_index_is_an_error_in_pytest_and_on_the_command_line(
    run_suite: RunSuite,
    damaged: Path,
    unrelated: Path,
    damage: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(damaged)
    found, mend = DAMAGE[damage]
    result = run_suite(PASSING, index=damaged)
    result.assert_outcomes(errors=1)
    assert result.ret == 1
    text = result.stdout.str()
    assert found in text
    assert mend in text
    assert str(damaged) in text

    assert cli.main(["check", str(damaged), str(unrelated), "--threshold", "0.9"]) == 3
    said = capsys.readouterr().err
    assert found in said
    assert mend in said


def test_records_of_other_images_are_an_error_where_the_index_is_pinned(
    run_suite: RunSuite, damaged: Path, unrelated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = read_manifest(damaged).fingerprint
    records_of_others(damaged)
    assert read_manifest(damaged).fingerprint == pin
    found = "records.parquet is about other images than the manifest says"
    result = run_suite(PASSING, f"--replication-index-fingerprint={pin}", index=damaged)
    result.assert_outcomes(errors=1)
    assert found in result.stdout.str()
    asked = ["check", str(damaged), str(unrelated), "--threshold", "0.9", "--index-fingerprint", pin]
    assert cli.main(asked) == 3
    assert found in capsys.readouterr().err


@pytest.mark.parametrize("damage", [bit_flipped, unfinished], ids=lambda damage: damage.__name__)
def test_a_damaged_index_is_an_error_in_a_worker_too(
    run_suite: RunSuite, damaged: Path, damage: Callable[[Path], None]
) -> None:
    damage(damaged)
    result = run_suite(PASSING, "-n1", index=damaged)
    result.assert_outcomes(errors=1)
    assert result.ret == 1


def features_flipped(index: Path) -> None:
    flip(index / "shards" / "000001" / "features.npy")


def features_missing(index: Path) -> None:
    (index / "shards" / "000000" / "features.npy").unlink()


def parts_flipped(index: Path) -> None:
    flip(index / "shards" / "000000" / "parts.npy")


def parts_truncated(index: Path) -> None:
    os.truncate(index / "shards" / "000001" / "parts.npy", 1000)


def other_detector(index: Path) -> None:
    body = json.loads((index / "manifest.json").read_text())
    edit(index, objects=body["objects"] | {"detector": "another"})


def other_parts(index: Path) -> None:
    body = json.loads((index / "manifest.json").read_text())
    edit(index, objects=body["objects"] | {"parts": body["objects"]["parts"][:3]})


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


OBJECT_DAMAGE: dict[Callable[[Path], None], tuple[str, str]] = {
    features_flipped: ("000001/features.npy has changed since it was written", "--overwrite"),
    features_missing: ("000000/features.npy is missing", "pytest-replication"),
    parts_flipped: ("000000/parts.npy has changed since it was written", "--overwrite"),
    parts_truncated: ("000001/parts.npy has 1000 bytes, expected", "pytest-replication"),
    other_detector: ("were found as 'another', this version finds them as", "--overwrite"),
    other_parts: ("parts.npy", "pytest-replication"),
}
WITH_PARTS = """
    def test_parts(assert_no_replication):
        assert_no_replication("small", threshold=0.99, objects=True)
"""


@pytest.fixture
def small(pytester: pytest.Pytester, picture: Callable[..., Image.Image]) -> Path:
    """Folder ``small`` of one small sample that is in no training set."""
    folder = pytester.path / "small"
    folder.mkdir()
    picture(999).save(folder / "0.png")
    return folder


@pytest.fixture
def with_parts(objects_index: Index, tmp_path: Path) -> Path:
    """A copy of an index with parts to be damaged."""
    return Path(shutil.copytree(objects_index.path, tmp_path / "index"))


def require_error(run_suite: RunSuite, index: Path, capsys: pytest.CaptureFixture[str], *told: str) -> None:
    """Neither a run nor ``check`` passes, and both say what is wrong."""
    result = run_suite(WITH_PARTS, index=index)
    result.assert_outcomes(errors=1)
    text = result.stdout.str()
    capsys.readouterr()
    status = cli.main(["check", str(index), "small", "--threshold", "0.99", "--objects"])
    said = capsys.readouterr().err
    assert status in (2, 3)
    for word in told:
        assert word in text
        assert word in said


@pytest.mark.parametrize("damage", OBJECT_DAMAGE, ids=lambda damage: damage.__name__)
def test_damaged_parts_are_an_error_in_pytest_and_on_the_command_line(
    run_suite: RunSuite,
    with_parts: Path,
    small: Path,
    damage: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(with_parts)
    require_error(run_suite, with_parts, capsys, *OBJECT_DAMAGE[damage], str(with_parts))


def test_parts_without_opencv_are_an_error(
    run_suite: RunSuite,
    objects_index: Index,
    small: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    told = "OpenCV, which is not installed: pip install 'pytest-replication[objects]'"
    require_error(run_suite, objects_index.path, capsys, told)


def test_parts_that_cannot_be_compared_pass_nothing(
    run_suite: RunSuite, small: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No local features in the index, and its training images are gone: refused; half of them: inconclusive."""
    pytest.importorskip("cv2")
    build_index(pictures, tmp_path / "index", BuildOptions(embedder="pixels", progress=False))
    check = ["check", str(tmp_path / "index"), "small", "--threshold", "0.99", "--objects"]
    paths = sorted(pictures.iterdir())
    assert len(paths) > 1
    for path in paths[1::2]:
        path.unlink()
    result = run_suite(WITH_PARTS, index=tmp_path / "index")
    assert result.ret == 1
    assert "passed" not in result.parseoutcomes()
    assert "parts of 1 sample were not checked" in result.stdout.str()
    capsys.readouterr()
    assert cli.main(check) == 3
    assert "parts of 1 sample were not checked" in capsys.readouterr().out
    for path in paths[::2]:
        path.unlink()
    require_error(run_suite, tmp_path / "index", capsys, "holds no local features, and of")


SAMPLES = {
    "[]": "an empty list holds no samples",
    "np.empty((0, 8, 8, 3), np.uint8)": "holds no samples",
    "np.full((2, 8, 8, 3), np.nan)": "not finite (NaN or infinite)",
    "np.full((2, 8, 8, 3), 1.5)": "floats in [1.5, 1.5] was given; expected [0, 1]",
    "np.full((2, 8, 8, 3), -1.0)": "(x + 1) / 2 maps [-1, 1] to it",
    "np.ones((2, 8, 8, 3), np.uint8)": "cast to integers, or the images are all black",
    "'photos/nothing'": "photos/nothing does not exist",
    "'broken'": "broken/x.png cannot be read: damaged",
    "'hollow'": "hollow holds no samples",
    "[Image.new('RGB', (8, 8))] * 4": "are black",
    "np.full((2, 8, 8, 3), 0.5 / 255 / 255)": "are black",
    "[Image.fromarray(np.full((8, 8), 200, np.int32))]": "8 or 16 bits",
    "None": "NoneType was given; expected a list of PIL images",
}


@pytest.mark.parametrize("samples", SAMPLES)
def test_unusable_samples_are_an_error(
    run_suite: RunSuite, pytester: pytest.Pytester, picture: Callable[..., Image.Image], samples: str
) -> None:
    (pytester.path / "broken").mkdir()
    picture().save(pytester.path / "broken" / "x.png")
    os.truncate(pytester.path / "broken" / "x.png", 500)
    (pytester.path / "hollow").mkdir()
    result = run_suite(
        f"""
        import numpy as np
        from PIL import Image

        def test_it(assert_no_replication):
            assert_no_replication({samples}, threshold=0.9)
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*SampleError: *{SAMPLES[samples].replace('[', '[[]')}*"])


def test_an_embedding_that_is_not_finite_is_an_error(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        import numpy as np

        def test_it(assert_no_replication, replication_index, monkeypatch):
            embedder = replication_index.embedder
            monkeypatch.setattr(embedder, "forward", lambda batch: np.full((len(batch), embedder.spec.dim), np.nan))
            assert_no_replication("photos/unrelated", threshold=0.9)
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*EmbedderError: pixels gave a vector that is zero or not finite*"])


def test_a_gap_in_the_index_is_said_in_every_verdict(
    run_suite: RunSuite, pytester: pytest.Pytester, pictures: Path
) -> None:
    (pictures / "bad.png").write_text("no image")
    build_index(pictures, pytester.path / "index", BuildOptions(embedder="pixels", max_rejected=1))
    result = run_suite(PASSING, index="index")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["WARNING: 1 training image could not be read and is NOT in the index: *"])


def test_two_builders_at_once(damaged: Path, training: Path) -> None:
    with IndexWriter(damaged):
        command = [sys.executable, "-m", "pytest_replication.cli", "build", training, "--out", damaged]
        done = subprocess.run([*command, "--embedder", "pixels"], capture_output=True, text=True)
    assert done.returncode == 3
    assert f"another process is writing {damaged}" in done.stderr


def test_an_index_that_cannot_be_written_can_be_checked(run_suite: RunSuite, damaged: Path) -> None:
    for path in [*damaged.rglob("*"), damaged]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted((str(path), path.stat().st_mtime_ns) for path in damaged.rglob("*"))
    result = run_suite(PASSING, index=damaged)
    result.assert_outcomes(passed=1)
    assert sorted((str(path), path.stat().st_mtime_ns) for path in damaged.rglob("*")) == before


def test_a_missing_index_is_skipped_only_when_that_is_asked_for(
    run_suite: RunSuite, tmp_path: Path, damaged: Path
) -> None:
    for index in (None, tmp_path / "gone"):
        assert run_suite(PASSING, index=index).parseoutcomes() == {"errors": 1}
        skipped = run_suite(PASSING, "--replication-missing=skip", index=index)
        skipped.assert_outcomes(skipped=1)
        required = run_suite(
            PASSING, "--replication-missing=skip", "--replication-require-checks", index=index
        )
        assert required.ret == 1
    for damage in (bit_flipped, missing):  # damage is never skipped
        damage(damaged)
        run_suite(PASSING, "--replication-missing=skip", index=damaged).assert_outcomes(errors=1)


def test_nan_scores_never_pass(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        import numpy as np
        import pytest_replication.search.exact as exact

        def test_it(assert_no_replication, monkeypatch):
            monkeypatch.setattr(exact, "blocks", lambda shard: [(0, np.full((20, shard.shape[2]), np.nan, np.float32))])
            assert_no_replication("photos/unrelated", threshold=0.9)
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*IndexCorrupt: a vector between * is not finite*"])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "assert_no_replication('photos/unrelated', threshold='high')",
            "SettingsError: threshold is 'high'; expected a number",
        ),
        (
            "assert_no_replication('photos/unrelated', threshold=0.9, top_k=0)",
            "SettingsError: 0 nearest training images",
        ),
        (
            "assert_no_replication('photos/unrelated', threshold=0.9, accepted='none.toml')",
            "AcceptedFileError: there is no file of accepted matches at none.toml",
        ),
        ("assert_no_replication('photos/unrelated', threshold=0.9, confidence=0.05)", "proves nothing"),
        ("assert_no_replication('photos/unrelated', threshold=0.9, max_rate=float('nan'))", "is no share"),
    ],
)
def test_settings_that_make_no_sense_are_errors(run_suite: RunSuite, code: str, message: str) -> None:
    result = run_suite(f"def test_it(assert_no_replication):\n    {code}\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{message}*"])


def test_anything_unexpected_is_an_error_of_the_gate(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        import pytest_replication.check as check

        def test_it(assert_no_replication, monkeypatch):
            monkeypatch.setattr(check, "search", lambda *args: 1 / 0)
            assert_no_replication("photos/unrelated", threshold=0.9)
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*ReplicationError: the check broke down: ZeroDivisionError: division by zero"]
    )


XFAILED = {
    "unittest": """
        import unittest
        from pytest_replication import assert_no_replication

        class TestGate(unittest.TestCase):
            @unittest.expectedFailure
            def test_it(self):
                assert_no_replication([], 0.9)
    """,
    "group": """
        import pytest
        from pytest_replication import ReplicationError, assert_no_replication

        @pytest.mark.xfail
        def test_it():
            try:
                assert_no_replication([], 0.9)
            except ReplicationError as error:
                raise ExceptionGroup("several", [error])
    """,
    "chained": """
        import pytest
        from pytest_replication import ReplicationError, assert_no_replication

        @pytest.mark.xfail
        def test_it():
            try:
                assert_no_replication([], 0.9)
            except ReplicationError as error:
                raise RuntimeError("no luck") from error
    """,
    "model": """
        import pytest

        @pytest.mark.xfail
        def test_it(replication_samples):
            pass
    """,
    "model that ends the program": """
        import pytest
        from pytest_replication import load_model

        @pytest.mark.xfail
        def test_it():
            load_model("broken_model:leave").sample(3)
    """,
    "embedder that ends the program": """
        import pytest
        from pytest_replication.embedders.pixels import PixelEmbedder

        def leave(*args):
            raise SystemExit("no GPU")

        @pytest.mark.xfail
        def test_it(monkeypatch, assert_no_replication):
            monkeypatch.setattr(PixelEmbedder, "forward", leave)
            assert_no_replication("photos/unrelated", 0.9)
    """,
    "embedder that cannot be opened": """
        import pytest
        from pytest_replication.index import opening

        def leave(*args, **kwargs):
            raise SystemExit("no GPU")

        @pytest.mark.xfail
        def test_it(monkeypatch, request):
            monkeypatch.setattr(opening, "open_index", leave)
            request.getfixturevalue("replication_index")
    """,
    "modules restored": """
        import importlib, sys
        from unittest import mock
        import pytest

        @pytest.mark.xfail
        def test_it():
            with mock.patch.dict(sys.modules), mock.patch("pytest_replication.errors"):
                del sys.modules["pytest_replication.errors"]
                errors = importlib.import_module("pytest_replication.errors")
                raise errors.IndexNotFound("nowhere")
    """,
}


@pytest.mark.parametrize("case", XFAILED)
def test_xfail_never_hides_a_broken_gate_on_any_way(
    run_suite: RunSuite, pytester: pytest.Pytester, case: str
) -> None:
    pytester.makepyfile(
        broken_model="""
        def make(seeds):
            raise RuntimeError("out of memory")

        def leave(seeds):
            raise SystemExit("no GPU")
        """
    )
    pytester.makeini("[pytest]\npythonpath = .\n")
    result = run_suite(XFAILED[case], "--replication-model=broken_model:make")
    assert result.ret == 1
    assert result.parseoutcomes() == {"errors": 1}


UNLOADABLE = {
    "fixture": "@pytest.mark.xfail\ndef test_it(assert_no_replication): assert_no_replication([], 0.9)",
    "index": "@pytest.mark.xfail\ndef test_it(replication_index): pass",
    "model": "@pytest.mark.xfail\ndef test_it(replication_model): pass",
    "samples": "@pytest.mark.xfail\ndef test_it(replication_samples): pass",
    "name": """@pytest.mark.xfail
def test_it():
    from pytest_replication import open_index
    open_index("nowhere")
""",
    "module": """@pytest.mark.xfail
def test_it():
    from pytest_replication.index import open_index
    open_index("nowhere")
""",
}


def test_xfail_never_hides_a_package_that_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError('no luck')")
    for name, code in UNLOADABLE.items():
        (tmp_path / f"test_{name}.py").write_text(f"import pytest\n\n{code}\n")
    command = [sys.executable, "-m", "pytest", "-p", "pytest_replication.plugin", "-p", "no:cacheprovider"]
    command += ["--replication-index=nowhere", "--replication-model=model:make", "-q", str(tmp_path)]
    places = os.pathsep.join((str(tmp_path), str(Path(pytest_replication.__file__).parents[1])))
    env = {"PYTHONPATH": places, "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{len(UNLOADABLE)} errors" in done.stdout.splitlines()[-1], done.stdout
    said = "numpy cannot be loaded (ImportError: no luck), and nothing can be checked without it: pip install"
    assert done.stdout.count(said) >= len(UNLOADABLE)


def test_an_error_that_a_test_expects_stays_a_pass(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        import pytest
        from pytest_replication import ReplicationError, assert_no_replication

        def test_it():
            with pytest.raises(ReplicationError):
                assert_no_replication([], 0.9)
        """
    )
    result.assert_outcomes(passed=1)


ENDED = """
    import pytest
    from pathlib import Path

    def test_ends():
        pytest.exit("enough", returncode=%s)
"""


@pytest.mark.parametrize(
    ("status", "mode"),
    [
        (0, ("-p", "no:xdist")),
        (1, ("-p", "no:xdist")),
        pytest.param(0, ("-n1",), marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_ended_is_no_pass_whatever_its_exit_status(
    run_suite: RunSuite, pytester: pytest.Pytester, status: int, mode: tuple[str, ...]
) -> None:
    code = PASSING + ENDED % status
    result = run_suite(code, "--replication-require-checks", "--replication-report=out", *mode)
    assert result.ret == (status or 3)
    data = json.loads((pytester.path / "out" / "results.json").read_text())
    assert data["outcome"] == "error"
    fault = data["run"]["faults"][0]
    if "-n1" in mode:  # pytest-xdist breaks down
        assert fault["kind"] in ("stopped", "broke-down")
        return
    assert "pytest.exit (enough): checks after that are missing" in fault["text"]
    result.stdout.fnmatch_lines(["ERROR: the run was ended by pytest.exit*"])


def test_tests_that_never_ran_are_a_fault_and_what_is_only_listed_is_none(
    run_suite: RunSuite, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(
        """
        def pytest_runtestloop(session):  # as plugins may replace it
            item = session.items[0]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            return True
        """
    )
    code = PASSING + PASSING.replace("test_unrelated", "test_more")
    result = run_suite(code, "-p", "no:xdist")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["ERROR: 1 of 2 collected tests never ran, *::test_more first"])
    for looking in ("--collect-only", "--fixtures", "--setup-only"):
        assert run_suite(PASSING, "-p", "no:xdist", looking).ret == 0
    assert run_suite("def test_a(): pass\ndef test_b(): pass", "-p", "no:xdist", index=None).ret == 0


def test_an_option_of_a_conftest_is_its_own(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_addoption(parser):\n    parser.addoption('--replications-count')\n")
    run_suite(PASSING, "--replications-count=1").assert_outcomes(passed=1)
    misspelt = run_suite(PASSING, "--replications-cout=1")
    assert misspelt.ret == 4
    misspelt.stderr.fnmatch_lines(["*no option --replications-cout: did you mean --replication-count*"])
