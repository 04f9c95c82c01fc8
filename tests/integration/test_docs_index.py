"""What docs/indexes.md says of the life of an index is done, in its order."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pytest_replication
from pytest_replication import cli, open_index

from .test_docs import ROOT, blocks, inline, shown

TEXT = (ROOT / "docs" / "indexes.md").read_text(encoding="utf-8")
IMPORTS = [arguments for arguments in inline("pytest-replication", TEXT) if arguments[0] == "import"]


def run(arguments: list[str]) -> int:
    """Run a command with an embedder that is fast."""
    fast = ["--embedder", "pixels"] if arguments[0] in ("build", "import") else []
    fast += ["--threshold", "0.95"] if arguments[0] == "duplicates" else []
    return cli.main([argument.replace("512", "769") for argument in arguments] + fast)


@pytest.fixture
def folder(tmp_path: Path, training: Path, unrelated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the page names."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(training, "photos")
    shutil.copytree(unrelated, "more")
    Path("opt-outs.txt").write_text("coffee.jpg\n")
    return tmp_path


def test_the_commands_of_the_page(folder: Path) -> None:
    for arguments in shown("pytest-replication", TEXT):
        if "faiss-ivf" in arguments and find_spec("faiss") is None:
            continue
        assert run(arguments) == 0, arguments
    merged = open_index("index-all")
    assert (merged.rows, merged.manifest.opted_out, merged.manifest.hidden) == (18 + 11 + 11, 2, 0)


def test_the_python_of_the_page(folder: Path) -> None:
    (example,) = blocks("python", TEXT)
    engines = find_spec("faiss") is not None
    lines = [line for line in example.splitlines() if engines or "faiss" not in line]
    example = "\n".join(lines)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(example.replace('"sscd"', '"pixels"'), "docs/indexes.md", "exec"), {})
    assert out.getvalue().split() == [
        "20",
        "0",
        "31",
        "0",
        "1",
        "1",
        "0",
        "2",
        *["True"] * engines,
        "41",
        "True",
    ]


def test_the_page_names_every_function_of_the_life_of_an_index() -> None:
    ours = ("_index", "_indexes", "_images", "_duplicates", "_engine")
    assert [name for name in pytest_replication.__all__ if name.endswith(ours) and name not in TEXT] == []


@pytest.fixture
def embeddings(folder: Path, built_pixels: Path) -> Path:
    """The vectors of the photographs in every form but those of packages that may be missing."""
    index = open_index(built_pixels)
    vectors = np.concatenate([np.asarray(shard.embeddings()[0][:, 0]) for shard in index.shards])
    names = [record.id for _, record in sorted(index.records(range(index.rows)).items())]
    Path("names.txt").write_text("\n".join(names))
    np.save("vectors.npy", vectors)
    Path("embedding.pkl").write_bytes(pickle.dumps({"features": vectors, "indexes": names}))
    Path("work").mkdir()
    vectors.tofile("work/atrain_features.dat")
    lines = [f"{row},{name}\n" for row, name in enumerate(names)]
    Path("work/atrain_features.dat.csv").write_text("index,filename\n" + "".join(lines))
    for part in ("img_emb", "metadata"):
        Path("embeddings", part).mkdir(parents=True)
    np.save("embeddings/img_emb/img_emb_0.npy", vectors)
    pq.write_table(pa.table({"image_path": names}), "embeddings/metadata/metadata_0.parquet")
    return folder


@pytest.mark.parametrize("arguments", IMPORTS, ids=lambda arguments: arguments[1].partition(":")[0])
def test_the_imports_of_the_page(
    embeddings: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    kind, vectors = arguments[1].partition(":")[0], np.load("vectors.npy")
    if kind == "faiss":
        faiss = pytest.importorskip("faiss")
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        faiss.write_index(flat, "vectors.faiss")
    elif kind == "annoy":
        annoy = pytest.importorskip("annoy").AnnoyIndex(vectors.shape[1], "angular")
        for row, vector in enumerate(vectors):
            annoy.add_item(row, vector)
        annoy.build(2)
        annoy.save("vectors.ann")
    assert run([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["rows"], answer["proved"]) == (20, 20)


def test_every_import_of_the_page_names_the_embedder() -> None:
    assert all("--embedder" in arguments for arguments in IMPORTS)


def test_every_kind_that_can_be_imported_is_on_the_page() -> None:
    from pytest_replication.index.importers import KINDS

    assert sorted(arguments[1].partition(":")[0] for arguments in IMPORTS) == sorted(KINDS)
