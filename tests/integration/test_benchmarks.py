"""The benchmarks still run, at a size of seconds, and what they rest on is right."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from pytest_replication import BuildOptions, build_index, open_index
from pytest_replication.benchmark.results import Row, add_results, as_csv
from pytest_replication.embedders import load_embedder
from pytest_replication.index.verify import verify_files
from pytest_replication.search import search

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROWS, DIM, SHARD = 3000, 64, 500
SMALL = ("--rows", ROWS, "--dim", DIM, "--shard-rows", SHARD)
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="benchmarks read /proc")


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load(monkeypatch, "made_up")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with made-up rows, which all scripts take as they are."""
    folder = tmp_path_factory.mktemp("made-up") / "rows"
    assert call("made_up", folder.parent, *SMALL, "--keep", folder).returncode == 0
    return folder


def load(monkeypatch: pytest.MonkeyPatch, name: str) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module(name)


def call(script: str, results: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), *map(str, arguments)]
    env = os.environ | {"BENCHMARK_RESULTS": str(results)}
    return subprocess.run(command, capture_output=True, text=True, env=env)


def results_of(script: str, folder: Path, *arguments: object) -> dict[str, Any]:
    done = call(script, folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((folder / f"{script}.json").read_text())
    return found


def test_made_up_rows_are_an_index_with_the_duplicates_that_it_tells(kept: Path, made_up: ModuleType) -> None:
    index = open_index(kept / "index")
    assert (index.rows, len(index.shards), verify_files(index.path, progress=False).faults) == (ROWS, 6, [])
    truth = made_up.read_truth(index)
    rows = np.concatenate([shard.embeddings()[0][:, 0] for shard in index.shards]).astype(np.float64)
    scores = rows @ rows.T
    sizes = np.bincount(truth.groups)
    assert (len(sizes), sizes.min(), sizes.max() > 10) == (6, 2, True)
    assert len(truth.rows) <= 0.05 * ROWS
    assert len(set((truth.rows // SHARD).tolist())) == 6  # all over the index
    for group in range(6):
        members = truth.rows[truth.groups == group]
        cosines = truth.cosines[truth.groups == group]
        original = members[np.flatnonzero(cosines == 1)[0]]
        assert scores[original, members] == pytest.approx(cosines, abs=0.01)
        same = members[cosines == 1]
        assert (rows[same] == rows[same[0]]).all()
    np.fill_diagonal(scores, 0)
    others = np.setdiff1d(np.arange(ROWS), truth.rows)
    assert scores[others].max() < 0.95  # nothing else is a duplicate


def test_made_up_rows_lie_around_their_centres(made_up: ModuleType) -> None:
    centres = made_up.centres(made_up.Recipe(2000, 512))
    rows = made_up.clustered(np.random.default_rng(0), 500, centres)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    nearest = (rows @ centres.T).max(axis=1)
    assert nearest.min() > 0.15
    assert nearest.max() < 0.9
    assert np.quantile(nearest, [0.1, 0.5, 0.9]) == pytest.approx([0.35, 0.55, 0.75], abs=0.06)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_same_recipe_makes_the_same_rows(made_up: ModuleType, tmp_path: Path, dtype: str) -> None:
    recipe = made_up.Recipe(700, 16, 300, dtype)
    first, again = (made_up.write(recipe, tmp_path / name) for name in ("first", "again"))
    assert first.manifest.generation == again.manifest.generation
    other = made_up.write(replace(recipe, seed=1), tmp_path / "other")
    assert other.manifest.generation != first.manifest.generation


def test_rows_that_are_there_are_taken_only_for_the_same_recipe(made_up: ModuleType, tmp_path: Path) -> None:
    recipe = made_up.Recipe(700, 16, 300)
    made_up.write(recipe, tmp_path)
    manifest = tmp_path / "index" / "manifest.json"
    before = manifest.stat().st_mtime_ns
    made_up.write(recipe, tmp_path)
    assert manifest.stat().st_mtime_ns == before
    (tmp_path / "truth.npz").unlink()
    made_up.write(recipe, tmp_path)
    assert manifest.stat().st_mtime_ns > before
    assert made_up.write(replace(recipe, rows=500), tmp_path).rows == 500


def test_nothing_else_is_written_over(made_up: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "mine").touch()
    with pytest.raises(SystemExit, match="holds other files than made-up rows"):
        made_up.write(made_up.Recipe(100, 8, 50), tmp_path)
    assert (tmp_path / "index" / "mine").exists()
    with pytest.raises(SystemExit, match="cannot be made"):
        made_up.write(made_up.Recipe(1), tmp_path / "new")


def test_the_first_shards_are_an_index_of_their_own(made_up: ModuleType, kept: Path, tmp_path: Path) -> None:
    index = open_index(kept / "index")
    part = made_up.first_shards(index, tmp_path / "part", 2)
    assert (part.rows, verify_files(part.path, progress=False).faults) == (2 * SHARD, [])
    wanted = made_up.samples(index, made_up.Recipe(ROWS, DIM, SHARD), 9)
    assert wanted.shape == (9, DIM)
    found = search(part, wanted[:, None], 1)
    assert found.searched == 2 * SHARD
    assert found.rows.max() < 2 * SHARD


@pytest.mark.slow
def test_scan(kept: Path, tmp_path: Path) -> None:
    options = ("--keep", kept, "--runs", 1, "--samples", 12, "--sides", "codes", "floats", "--always-codes")
    found = results_of("scan", tmp_path, *SMALL, *options)
    assert found["same_nearest_rows"] is True
    assert found["bytes_of_codes"] > ROWS * DIM
    assert (found["codes"]["runs_with_codes"], found["floats"]["runs_with_codes"]) == (1, 0)
    assert found["floats"]["bytes_looked_at"] == (ROWS + 12 * 9) * DIM * 4
    assert found["bytes_of_codes"] < found["codes"]["bytes_looked_at"]
    for side in ("codes", "floats"):
        assert 0 < found[side]["anonymous_mib"] <= found[side]["peak_mib"]


def test_sides_that_do_not_agree_are_told(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    scan, made_up = load(monkeypatch, "scan"), load(monkeypatch, "made_up")
    index = open_index(kept / "index")
    wanted = made_up.samples(index, made_up.Recipe(ROWS, DIM, SHARD), 8)
    found = search(index, wanted[:, None], scan.K)
    right = {"rows": found.rows.tolist(), "scores": found.scores.tolist()}
    assert scan.agreement(index, wanted, [right, right])["same_nearest_rows"] is True
    other_rows = right | {"rows": ((found.rows + 1) % ROWS).tolist()}
    assert scan.agreement(index, wanted, [right, other_rows])["same_nearest_rows"] is False
    other_scores = right | {"scores": (found.scores + 1e-3).tolist()}
    assert scan.agreement(index, wanted, [right, other_scores])["same_nearest_rows"] is False


def test_a_scan_by_codes_counts_what_it_looks_at(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    scan, made_up = load(monkeypatch, "scan"), load(monkeypatch, "made_up")
    from pytest_replication.search import exact, kernel

    monkeypatch.setattr(exact, "integer_product", kernel.onnx_product)
    with made_up.made_up(made_up.Recipe(ROWS, DIM, SHARD), kept) as (index, work):
        coded = made_up.first_shards(index, work / "coded", len(index.shards))
        scan.write_codes(coded, progress=False)
        assert scan.uses_codes(made_up.first_shards(coded, work / "part", 1))
        assert not scan.uses_codes(made_up.first_shards(coded, work / "plain", 1, codes=False))
        wanted = made_up.samples(index, made_up.Recipe(ROWS, DIM, SHARD), 4)
        assert 4 * scan.K <= scan.count_rescored(coded, wanted) < 4 * ROWS
        assert scan.count_rescored(index, wanted) == 0  # this one has no codes
    assert not list(kept.glob("work-*"))


@pytest.mark.slow
def test_linear(kept: Path, tmp_path: Path) -> None:
    small = ("--most", *SMALL[1:], "--keep", kept, "--sizes", 1000, "--runs", 1, "--samples", 20)
    found = results_of("linear", tmp_path, *small, "--planted", 600, "--always-codes")
    assert [size["rows"] for size in found["sizes"]] == [1000, ROWS]
    small_, large = found["sizes"]
    assert large["bytes_of_vectors"] == 3 * small_["bytes_of_vectors"]
    assert large["bytes_of_codes"] > 2.9 * small_["bytes_of_codes"] > 0
    assert (found["planted"]["queries"], found["planted"]["misses"]) == (600, 0)
    assert ElementTree.parse(tmp_path / "linear.svg").getroot().tag.endswith("svg")


def test_a_planted_copy_that_is_overlooked_is_told(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    linear, made_up = load(monkeypatch, "linear"), load(monkeypatch, "made_up")
    index = open_index(kept / "index")
    elsewhere = -made_up.samples(index, made_up.Recipe(ROWS, DIM, SHARD), 5)
    monkeypatch.setattr(linear, "planted", lambda *_: (elsewhere, None))
    assert linear.find_planted(index, 5, 0)["misses"] == 5


def test_the_plot_places_points_by_their_logarithm(monkeypatch: pytest.MonkeyPatch) -> None:
    plot = load(monkeypatch, "plot")
    text = plot.log_log("a < b", "across", "up", {"line": [(10, 0.1), (100, 1), (1000, 10)]})
    root = ElementTree.fromstring(text)
    dots = [(float(c.get("cx", "")), float(c.get("cy", ""))) for c in root.iter() if c.tag.endswith("circle")]
    (x1, y1), (x2, y2), (x3, y3) = dots
    assert x2 - x1 == pytest.approx(x3 - x2) == pytest.approx((plot.WIDTH - plot.LEFT - plot.RIGHT) / 2)
    assert y1 - y2 == pytest.approx(y2 - y3) == pytest.approx((plot.HEIGHT - plot.TOP - plot.BOTTOM) / 2)


def test_duplicates(kept: Path, tmp_path: Path) -> None:
    found = results_of("duplicates", tmp_path, *SMALL, "--keep", kept)
    assert found["groups_found"] == found["groups_with_duplicates"] == 6
    assert found["images_found"] == found["images_with_duplicates"] > 20
    assert (found["recall_of_pairs"], found["images_told_wrong"]) == (1, 0)


def test_duplicates_that_are_missed_or_told_wrong_are_counted(
    monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    duplicates, made_up = load(monkeypatch, "duplicates"), load(monkeypatch, "made_up")
    index = open_index(kept / "index")
    truth = made_up.read_truth(index)
    found = duplicates.find_duplicates(index, 0.95, progress=False)
    assert duplicates.compare(index, truth, found)["images_told_wrong"] == 0
    keep = found.rows != found.rows[0]
    columns = (found.rows[keep], found.leaders[keep], found.copies[keep], found.exact[keep])
    fewer = duplicates.compare(index, truth, duplicates.Duplicates(0.95, *columns))
    assert fewer["images_with_duplicates"] - fewer["images_found"] == 1
    assert fewer["pairs_missed"] > 0
    assert fewer["images_told_wrong"] == 1
    twice = duplicates.Duplicates(0.95, found.rows, found.leaders, found.copies * 2, found.exact)
    assert duplicates.compare(index, truth, twice)["images_told_wrong"] == len(found.rows)
    none = duplicates.Duplicates(0.95, *(column[:0] for column in columns))
    assert duplicates.compare(index, truth, none)["recall_of_pairs"] == 0
    strange = duplicates.compare(index, replace(truth, rows=truth.rows[1:], groups=truth.groups[1:]), found)
    assert strange["images_outside_the_groups"] == 1


@pytest.mark.slow
def test_engines(kept: Path, tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    options = ("--keep", kept, "--engines", "faiss-ivf", "--thresholds", 0.9, "--runs", 1, "--samples", 8)
    found = results_of("engines", tmp_path, *SMALL, *options, "--always-codes")
    (engine,) = found["engines"].values()
    result = engine["thresholds"]["0.9"]
    assert result["certified"] is True
    assert result["bound"] >= 0.999
    assert engine["bytes"] > ROWS * DIM * 4
    assert found["exact"]["floats"]["again_seconds"] > 0
    assert not (kept / "index" / "engines").exists()  # rows that are kept stay as they are


@pytest.mark.slow
def test_split(tmp_path: Path) -> None:
    sizes = ("--images", 60, "--chunks", 5, "--length", 16, "--queries", 1, 3, "--runs", 2)
    keep = tmp_path / "tokens.npy"
    found = results_of("split", tmp_path, *sizes, "--cross-images", 40, "--keep", keep)
    assert (found["shape"], found["bytes"]) == ([60, 5, 16], 9600)
    assert [(row["score"], row["images"], row["queries"]) for row in found["scores"]] == [
        ("split", 60, 1),
        ("split", 60, 3),
        ("cross", 40, 1),
        ("cross", 40, 3),
    ]
    assert all(row["planted_first"] and row["pairs_a_second"] > 0 for row in found["scores"])
    other = call("split", tmp_path, "--images", 61, *sizes[2:], "--keep", keep)
    assert other.returncode == 1
    assert "holds something else" in other.stderr


@pytest.mark.slow
def test_fashion_mnist(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8), dtype=np.uint8)
    for name, part in (("train-images-idx3-ubyte.gz", images), ("t10k-images-idx3-ubyte.gz", images[:7])):
        with gzip.open(root / name, "wb") as file:
            file.write(struct.pack(">4I", 0x803, *part.shape) + part.tobytes())
    found = results_of("fashion_mnist", tmp_path, "--root", root, "--sscd-rows", 0)
    pixels = found["pixels"]
    assert (pixels["rows"], pixels["samples"], pixels["wrong"]) == (50, 7, [])
    assert pixels["scores"][">= 1"] == 7
    assert pixels["indexed_images_found_again"] == pixels["indexed_images_asked_for"] == 50


@pytest.mark.slow
def test_calibration(tmp_path: Path) -> None:
    photos = BENCHMARKS.parent / "fixtures" / "photos"
    few = ("--photos", photos, "--photo-embedder", "pixels", "--fpr", 0.2, "--planted", 2)
    found = results_of("calibration", tmp_path, *few)["photographs"]
    assert (found["rows"], found["calibrated_with"], found["checked"]) == (16, 7, 8)
    assert found["recall"]["jpeg-20"] == {"planted": 2, "fixed": 1, "calibrated": 1}
    assert set(found["recall"]) > {"quarter-patch", "quarter-inset"}
    assert found["flagged_fixed"] < 1
    again = results_of("calibration", tmp_path)
    assert again["photographs"] == found


def test_counts_that_do_not_add_up_are_told(monkeypatch: pytest.MonkeyPatch, built_pixels: Path) -> None:
    fashion, index = load(monkeypatch, "fashion_mnist"), open_index(built_pixels)
    images = np.zeros((20, 8, 8), np.uint8)
    built = {"listed": 20, "rows": 20, "rejected": {"count": 0}}
    sound = {"sound": True, "faults": []}
    assert all(fashion.counts(index, built, images, sound).values())
    for told, given, verified in (
        (built | {"listed": 19}, images, sound),
        (built | {"rows": 19}, images, sound),
        (built | {"rejected": {"count": 1}}, images, sound),
        (built, images[1:], sound),
        (built, images, {"sound": False, "faults": ["x"]}),
    ):
        assert not all(fashion.counts(index, told, given, verified).values())
    found = fashion.nearest(fashion.Samples.of(BENCHMARKS.parent / "fixtures/photos/training"), index)
    assert all(fashion.answers(index, found, 20).values())
    for broken in (replace(found, of=found.of[1:]), replace(found, searched=19)):
        assert not all(fashion.answers(index, broken, 20).values())


def test_retrieval_fills_a_folder_from_one_place_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrieval = load(monkeypatch, "retrieval")
    folder = tmp_path / "out" / "pictures"

    def killed(place: Path, _: dict[str, Any]) -> None:
        (place / "0.png").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retrieval.complete(folder, {"photos": ["a"]}, killed)
    assert not folder.exists()
    retrieval.complete(folder, {"photos": ["a"]}, lambda place, _: (place / "1.png").touch())
    assert [path.name for path in folder.iterdir()] == ["1.png"]
    retrieval.complete(folder, {"photos": ["a"]}, killed)
    with pytest.raises(SystemExit, match="was filled from elsewhere"):
        retrieval.complete(folder, {"photos": ["b"]}, killed)


def test_retrieval_keeps_the_rows_of_its_own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    retrieval = load(monkeypatch, "retrieval")
    row = Row("edits", "pixels", "inner", {"mAP": 0.5}, [(1.0, 0.5)], 2, 3, 0.1, "old", "16 x 16", None)
    new = replace(row, key="new", queries=9)
    add_results(tmp_path / "results.json", [row, new])
    (tmp_path / "results.csv").write_text(as_csv([new]))
    (kept,) = retrieval.rows_of(tmp_path)
    assert (kept["queries"], kept["metrics"]) == (9, {"mAP": 0.5})


def textured(path: Path, seed: int, *, cut_out: bool = False) -> None:
    """A picture unlike all others; cut out, it is an oval of it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)
    if cut_out:
        alpha = Image.new("L", image.size)
        ImageDraw.Draw(alpha).ellipse((5, 5, 155, 115), 255)
        image.putalpha(alpha)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with fewer hard negatives, and pixels to tell what is distinct."""
    module = load(monkeypatch, "objects")
    monkeypatch.setattr(module, "FAMILIES", ("blank", "flag"))
    monkeypatch.setattr(module, "FAMILY_TRAINING", 1)
    monkeypatch.setattr(module, "FAMILY_QUERIES", 2)
    pictures = load(monkeypatch, "object_pictures")
    monkeypatch.setattr(pictures, "load_embedder", lambda _: load_embedder("pixels"))
    monkeypatch.setattr(pictures, "SAME", 0.95)
    return module


def test_objects_deals_out_distinct_pictures_and_judges_what_is_made_of_them(
    objects: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20):
        textured(tmp_path / "photographs" / f"{number}.png", number)
    for number in range(9):
        textured(tmp_path / "cutouts" / f"{number}.png", 100 + number, cut_out=True)
    for part in ("photographs", "cutouts"):  # the same again, and mirrored
        with Image.open(tmp_path / part / "0.png") as image:
            image.resize((240, 180)).save(tmp_path / part / "large.png")
            ImageOps.mirror(image).save(tmp_path / part / "mirrored.png")
    asked = []

    def omniscient(folder: Path, training: list[Path], queries: list[Path]) -> list[dict[str, Any]]:
        """Finds positives, with one wrong picture; scores the flags as high."""
        asked.extend(queries)
        names = [path.relative_to(folder / "training").as_posix() for path in training]
        told = []
        for path in queries:
            truth = path.parent / "truth.json"
            if path.parent.name != "positives":
                told.append({"score": 0.9 * (path.parent.name == "flag"), "found": 0, "seconds": 0.0})
                continue
            (one,) = (one for one in json.loads(truth.read_text()) if one["picture"] == path.name)
            right = path.name != "000000.png"
            found = names.index(one["source"]) if right else None
            told.append({"score": 0.8, "found": found, "seconds": 0.5})
        return told

    work = tmp_path / "work"
    monkeypatch.setattr(objects, "SCORERS", {"omniscient": objects.Scorer(omniscient, 0.85, "all")})
    monkeypatch.setenv("BENCHMARK_RESULTS", str(tmp_path))
    monkeypatch.setattr(load(monkeypatch, "measure"), "RESULTS", tmp_path)
    command = [
        *("objects.py", "--photographs", tmp_path / "photographs", "--cutouts", tmp_path / "cutouts"),
        *(
            "--least",
            "100",
            "--work",
            work,
            "--rows",
            "object-40",
            "patch-50",
            "background-kept",
            "--positives",
            "4",
        ),
        *("--negatives", "4", "--processes", "1", "--scorer", "omniscient"),
    ]
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    objects.main()
    table = capsys.readouterr().out
    results = json.loads((tmp_path / "objects.json").read_text())
    dealt = results["pictures"]
    assert (dealt["photographs_seen"], dealt["photographs"]) == (22, 20)
    assert (dealt["cutouts_seen"], dealt["cutouts"]) == (11, 9)
    for line in results["scorers"]["omniscient"]["rows"]:
        assert line["found"]["of"] == line["found_pooled"]["of"] == "3 of 4"
        assert line["found_fixed"]["of"] == "0 of 4"
        assert line["flagged"]["share"] == 0
    families = results["scorers"]["omniscient"]["hard"]["families"]
    assert families["flag"]["0.1 %"]["of"] == families["flag"]["fixed"]["of"] == "2 of 2"
    assert families["blank"]["1 %"]["of"] == "0 of 2"
    assert "| object-40 | 0.92 | 0.750 (0.194 to 0.994) | 0.000" in table
    assert len(asked) == len({*asked})  # each picture is asked about once
    kept = {path: path.stat().st_mtime_ns for path in work.rglob("*.png")}
    objects.main()
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*.png")} == kept
    with pytest.raises(SystemExit, match="give another --work"):
        monkeypatch.setattr(sys, "argv", [*map(str, command), "--seed", "1"])
        objects.main()


def test_objects_fixes_thresholds_that_flag_no_more_than_is_allowed(objects: ModuleType) -> None:
    scores = np.random.default_rng(0).random(250)
    for rate, flagged in ((0.01, 2), (0.001, 0), (0.1, 25)):
        assert (scores > objects.threshold(scores, rate)).sum() == flagged
    assert (np.ones(9) > objects.threshold(np.ones(9), 0.5)).sum() == 0
    with pytest.raises(SystemExit, match="no negatives"):
        objects.threshold(np.empty(0), 0.01)
    chosen = objects.first_half(["b", "a", "c", "a", "b"])
    assert chosen.tolist() == [False, True, True, True, False]
    with pytest.raises(SystemExit, match="of one source cannot be halved"):
        objects.first_half(["a", "a"])


@pytest.mark.slow
def test_simulated_gates_keep_what_they_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(monkeypatch, "error_rates")
    quick = [row for row in module.PROMISES if row[0] != "no data copying"]
    monkeypatch.setattr(module, "PROMISES", tuple(quick))
    rows = module.simulate(100, seed=1)
    for row in rows:
        # Four standard errors of a promise that is kept; the draws are the same each time.
        most = row["promised"] + 4 * (row["promised"] * (1 - row["promised"]) / 100) ** 0.5
        assert row["promise"] == module.BROKEN or row["held"] <= most, row
    broken = [row for row in rows if row["promise"] == module.BROKEN]
    assert [row["held"] > 0.1 for row in broken] == [True, True, True]
    assert len(rows) == len(quick) > 20


@pytest.mark.slow
def test_the_cost_of_canaries(tmp_path: Path) -> None:
    found = results_of("canaries", tmp_path, "--embedder", "pixels", "--runs", "1")["pixels"]
    assert found["planted"] == 160
    assert found["found"] >= found["canaries_kept"] == 64
    assert found["with_16_cpu_seconds"] > 0


def test_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = load(monkeypatch, "pixels")
    images = np.random.default_rng(0).integers(0, 256, (120, 28, 28), dtype=np.uint8)
    build_index(
        images[:100, ..., None].repeat(3, axis=3),
        tmp_path / "index",
        BuildOptions(embedder="pixels", pixels=28, progress=False),
    )
    with gzip.open(tmp_path / "test.gz", "wb") as file:
        file.write(struct.pack(">4I", 0x803, 20, 28, 28) + images[100:].tobytes())
    test = pixels.read(tmp_path / "test.gz")
    assert np.array_equal(test[..., 0], images[100:])
    found = pixels.scan(tmp_path / "index", test, 1, 1)
    assert found["neighbours"] == 1
    for row in pixels.rules(tmp_path / "index", test):
        assert row["exact copies"] == 1
        assert row["test images"] == 0
    blank = pixels.made_up()
    assert pixels.counted("blank", blank.values()) == {"images": "blank", "n": 43, "low": 43}
