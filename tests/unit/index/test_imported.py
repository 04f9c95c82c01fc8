from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import BuildOptions, Index, build_index, check_replication, open_index
from pytest_replication.errors import IndexMismatch, SettingsError, SourceError, TooManyRejected
from pytest_replication.index.imported import ImportOptions, ImportReport, import_index
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.verify import verify_files
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.text import render


@pytest.fixture
def vectors(training: Path, tmp_path: Path) -> np.ndarray:
    """Vectors of the training photographs, not of unit length, with a list of names beside them."""
    build_index(training, tmp_path / "built", BuildOptions(embedder="pixels"))
    index = open_index(tmp_path / "built")
    stored = np.concatenate([np.asarray(shard.embeddings()[0][:, 0]) for shard in index.shards])
    np.save(tmp_path / "vectors.npy", stored * 3)
    records = index.records(range(index.rows))
    (tmp_path / "names.txt").write_text("\n".join(records[row].id for row in range(index.rows)))
    return stored


def options(tmp_path: Path, training: Path | None) -> ImportOptions:
    return ImportOptions(embedder="pixels", images=training, names=tmp_path / "names.txt")


def imported(source: str, out: Path, options: ImportOptions) -> Index:
    return open_index(import_index(source, out, options).index)


def test_a_proved_import_answers_as_the_built_index(
    vectors: np.ndarray, training: Path, unrelated: Path, tmp_path: Path
) -> None:
    index = imported(f"npy:{tmp_path / 'vectors.npy'}", tmp_path / "index", options(tmp_path, training))
    source = index.manifest.sources[0]
    assert (index.rows, source.proved, source.unproved) == (20, 20, False)
    assert source.lowest is not None
    assert source.lowest > 0.9999
    assert verify_files(index.path).sound
    stored = np.concatenate([np.asarray(shard.embeddings()[0][:, 0]) for shard in index.shards])
    assert np.abs(stored - vectors).max() < 1e-6
    mine, theirs = (check_replication(unrelated, 0.9, index=i) for i in (index, tmp_path / "built"))
    assert mine.worst.score == pytest.approx(theirs.worst.score, abs=2e-6)
    assert "nothing proves" not in render(mine)


def test_without_images_every_verdict_says_that_it_is_unproved(
    vectors: np.ndarray, unrelated: Path, tmp_path: Path
) -> None:
    index = imported(f"npy:{tmp_path / 'vectors.npy'}", tmp_path / "index", options(tmp_path, None))
    verdict = check_replication(unrelated, 0.9, index=index, allow_unproved=True)
    assert "imported and nothing proves that this embedder made them" in render(verdict)
    assert verdict_data(verdict)["index"]["unproved"] is True


def test_a_wrong_folder_of_images_makes_no_index(vectors: np.ndarray, tmp_path: Path) -> None:
    wrong = options(tmp_path, tmp_path / "gone")
    with pytest.raises(SourceError, match="0 of the images .*gone can be read, and 20 are needed"):
        import_index(f"npy:{tmp_path / 'vectors.npy'}", tmp_path / "index", wrong)
    assert not (tmp_path / "index").exists()


def test_an_import_is_not_taken_for_another(vectors: np.ndarray, training: Path, tmp_path: Path) -> None:
    name, out = f"npy:{tmp_path / 'vectors.npy'}", tmp_path / "index"
    whole = imported(name, out, options(tmp_path, training)).manifest
    assert imported(name, out, options(tmp_path, training)).rows == 20
    write_manifest(out, replace(read_manifest(out), shards=(), complete=False))
    assert imported(name, out, options(tmp_path, training)).manifest.fingerprint == whole.fingerprint
    with pytest.raises(SourceError, match="images embedded again 0 against 20"):
        imported(name, out, options(tmp_path, None))
    np.save(tmp_path / "vectors.npy", vectors[::-1])
    with pytest.raises(IndexMismatch, match="get another vector"):
        imported(name, out, options(tmp_path, training))
    with pytest.raises(SourceError, match="has changed since its import began"):
        write_manifest(out, replace(read_manifest(out), sources=(replace(whole.sources[0], proved=0),)))
        imported(name, out, options(tmp_path, None))
    replaced = imported(name, out, replace(options(tmp_path, None), overwrite=True))
    assert replaced.manifest.unproved


@pytest.mark.parametrize("wrong", [{"dtype": "float64"}, {"max_rejected": -1}, {"max_rejected": 1.5}])
def test_options_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        ImportOptions(embedder="pixels", **wrong)  # type: ignore[arg-type]


def test_images_without_a_vector_are_counted(vectors: np.ndarray, tmp_path: Path) -> None:
    folder = tmp_path / "fastdup"
    folder.mkdir()
    (folder / "atrain_features.dat").write_bytes(vectors.astype("<f4").tobytes())
    names = (tmp_path / "names.txt").read_text().splitlines()
    rows = "".join(f"{number},{name}\n" for number, name in enumerate(names))
    (folder / "atrain_features.dat.csv").write_text("index,filename\n" + rows)
    (folder / "atrain_features.bad.csv").write_text("index,filename,error\n20,bad.jpg,unreadable\n")
    given = ImportOptions(embedder="pixels")
    for too_low in (0, 0.04):
        with pytest.raises(TooManyRejected, match="no vector for 1 images, and 0 may.*--max-rejected 1"):
            import_index(f"fastdup:{folder}", tmp_path / "index", replace(given, max_rejected=too_low))
    for number, limit in enumerate((1, 0.05)):
        out = tmp_path / f"index-{number}"
        report = import_index(f"fastdup:{folder}", out, replace(given, max_rejected=limit))
        assert report == ImportReport(out, f"fastdup {folder}", 21, 20, 1, 0, None)
        assert open_index(out).manifest.sources[0].max_rejected == 1
