"""Parameters, presets and names of the networks of timm, on a small one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.embedders import EmbedderOptions, vision
from pytest_replication.embedders.backbones import Backbone, build_timm, open_backbone
from pytest_replication.embedders.catalogue import ENTRIES
from pytest_replication.embedders.presets import preset_named
from pytest_replication.embedders.probe import embed_images, probe_images, prove
from pytest_replication.embedders.vision import Use, VisionEmbedder
from pytest_replication.errors import EmbedderError, EmbedderUnavailable, SettingsError, UnknownName

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

IMAGES = probe_images()[:2]


@pytest.fixture(scope="module")
def vit() -> Any:
    """A transformer of 6 blocks with random weights."""
    torch.manual_seed(3)
    model = timm.create_model("test_vit", num_classes=0, dynamic_img_size=True).eval()
    for parameter in model.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def file(vit: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(tmp_path_factory.mktemp("vit")) / "vit.pth"
    torch.save(vit.state_dict(), path)
    return path


def loaded(
    file: Path, preset: str | None = None, model: str = "test_vit", **parameters: str
) -> VisionEmbedder:
    embedder = vision.load(EmbedderOptions(f"{model}:{file}", preset, "cpu", None, "timm", parameters))
    assert isinstance(embedder, VisionEmbedder)
    return embedder


def batch(embedder: VisionEmbedder) -> Any:
    return torch.from_numpy(np.stack([embedder.prepare(image) for image in IMAGES]))


def unit(rows: Any) -> np.ndarray:
    found: np.ndarray = torch.nn.functional.normalize(rows, dim=1).detach().numpy()
    return found


@pytest.mark.parametrize("layer", [1, 2, 6])
def test_layers_are_counted_from_the_end_and_normed(vit: Any, file: Path, layer: int) -> None:
    embedder = loaded(file, layer=str(layer))
    found = vit.forward_intermediates(
        batch(embedder),
        indices=[-layer],
        norm=True,
        output_fmt="NLC",
        return_prefix_tokens=True,
        intermediates_only=True,
    )
    ((patches, prefix),) = found
    assert np.abs(embed_images(embedder, IMAGES) - unit(prefix[:, 0])).max() < 1e-5
    expected = torch.cat([prefix, patches], dim=1).detach().numpy()
    assert np.abs(embedder.tokens(list(batch(embedder).numpy())) - expected).max() < 1e-5


def test_pools(vit: Any, file: Path) -> None:
    tokens = vit.forward_features(batch(loaded(file)))
    mean = (tokens[:, 1:].clamp(min=1e-6) ** 4).mean(dim=1) ** 0.25
    expected = {
        "cls": tokens[:, 0],
        "avg": tokens[:, 1:].mean(dim=1),
        "gem": mean,
        "cls+gem": torch.cat([tokens[:, 0], mean], dim=1),
    }
    for pool, rows in expected.items():
        embedder = loaded(file, pool=pool)
        assert np.abs(embed_images(embedder, IMAGES) - unit(rows)).max() < 1e-5, pool
        assert embedder.spec.dim == rows.shape[1]


def test_three_scales(vit: Any, file: Path) -> None:
    embedder = loaded(file, scales="3")
    total = 0
    for scale in (1, 2**-0.5, 0.5):
        images = torch.nn.functional.interpolate(batch(embedder), scale_factor=scale, mode="bilinear")
        side = images.shape[-1] // 16 * 16  # whole patches: 160, 112, 80
        total = total + vit.forward_features(images[:, :, :side, :side])[:, 0]
    assert np.abs(embed_images(embedder, IMAGES) - unit(total)).max() < 1e-5
    assert embedder.token_shape == (101, 64)


@pytest.mark.parametrize(
    "parameters", [{}, {"pool": "cls+gem"}, {"pool": "avg", "layer": "2"}, {"scales": "3"}]
)
def test_vectors_and_tokens_together_are_what_each_is_alone(
    file: Path, parameters: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = loaded(file, **parameters)
    prepared = [embedder.prepare(image) for image in IMAGES]
    alone = embedder.embed(prepared), embedder.tokens(prepared)
    runs, raw = [], Backbone.raw
    monkeypatch.setattr(Backbone, "raw", lambda self, images: runs.append(len(images)) or raw(self, images))
    for found, expected in zip(embedder.embed_with_tokens(prepared), alone, strict=True):
        assert np.abs(found - expected).max() < 1e-5
    assert len(runs) == (4 if "scales" in parameters else 1)


def test_its_own_preset_is_that_of_timm(file: Path) -> None:
    data = timm.data.resolve_model_data_config(timm.create_model("test_vit"))
    preset = loaded(file)._preset
    assert (preset.crop, preset.mean, preset.std, preset.interpolation) == (
        data["input_size"][1],
        data["mean"],
        data["std"],
        data["interpolation"],
    )
    assert preset.short_side == int(preset.crop / data["crop_pct"])


@pytest.mark.parametrize("name", ["dcr-metrics", "dcr-laion", "sscd-320"])
def test_named_presets_of_one_size(file: Path, name: str) -> None:
    embedder = loaded(file, name)
    preset = preset_named(name)
    assert embedder.spec.preset == name
    assert embedder.spec.preprocessing == preset.describe()
    side = preset.crop or preset.square
    assert embedder.token_shape == ((side // 16) ** 2 + 1, 64)
    assert np.array_equal(embedder.prepare(IMAGES[0]), preset.normalised(preset.pixels(IMAGES[0])))
    prove(embedder)


def test_a_preset_that_keeps_the_aspect_gives_vectors_and_no_tokens(file: Path) -> None:
    embedder = loaded(file, "sscd-288")
    prove(embedder)
    assert embedder.token_shape is None
    assert embedder.hides_tokens
    with pytest.raises(EmbedderError, match="sees each image in its own shape"):
        embedder.tokens([embedder.prepare(IMAGES[0])])


def test_names_hold_what_differs_sorted(file: Path) -> None:
    changed = loaded(file, scales="3", pool="gem", layer="2", size="96")
    assert changed.spec.name == "timm?layer=2&pool=gem&scales=3&size=96:test_vit"
    assert changed.spec.location == f"timm?layer=2&pool=gem&scales=3&size=96:test_vit:{file}"
    assert changed.prepare(IMAGES[0]).shape == (3, 96, 96)
    assert "centre crop 96" in changed.spec.preprocessing
    usual = loaded(file, scales="1", pool="cls", layer="1", size="160")
    assert usual.spec == loaded(file).spec
    assert usual.spec.name == "timm:test_vit"
    assert loaded(file, "own").spec == usual.spec


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"depth": "2"}, r"no parameter 'depth'; it has pool, layer, scales, size"),
        ({"pool": "max"}, "cannot pool by 'max'; pool is one of cls, avg, gem"),
        ({"layer": "0"}, "layer of .* has to be a number from 1"),
        ({"layer": "7"}, "has 6 blocks: layer has to be 1 to 6, not 7"),
        ({"layer": "-1"}, "layer of .* has to be a number"),
        ({"scales": "2"}, "scales of .* has to be 1 or 3, not '2'"),
        ({"size": "9999"}, "size of .* from 32 to 1024, not '9999'"),
        ({"size": "²"}, "size of .* has to be"),
    ],
)
def test_parameters_that_it_cannot_have(file: Path, parameters: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        loaded(file, **parameters)


def test_a_size_and_a_preset_with_another_are_refused(file: Path) -> None:
    with pytest.raises(SettingsError, match="cannot take size=96 beside it"):
        loaded(file, "dcr-laion", size="96")
    with pytest.raises(SettingsError, match="there is no preset 'x'"):
        loaded(file, "x")


def test_parameters_behind_the_model_are_told_where_they_stand() -> None:
    options = EmbedderOptions("test_vit?layer=2&pool=gem:w.pth", None, "cpu", None, "timm", {})
    with pytest.raises(SettingsError, match=r"write timm\?layer=2&pool=gem:test_vit:w\.pth"):
        vision.load(options)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"layer": "2"}, "no plain transformer"), ({"pool": "cls"}, "no class token: give pool=avg")],
)
def test_what_a_map_does_not_have(tmp_path: Path, parameters: dict[str, str], message: str) -> None:
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pth")
    with pytest.raises(SettingsError, match=message):
        loaded(tmp_path / "w.pth", model="test_resnet", **parameters)


def test_an_input_smaller_than_a_patch_is_refused() -> None:
    backbone = Backbone(None, lambda images: images, class_token=False, patch=16, usual_pool="avg")
    assert backbone.raw(torch.zeros(1, 3, 33, 47)).shape == (1, 3, 32, 32)
    with pytest.raises(SettingsError, match="40 x 15 pixels is smaller than one patch of 16"):
        backbone.raw(torch.zeros(1, 3, 15, 40))


def test_an_architecture_without_a_map_or_plain_tokens_is_refused(tmp_path: Path) -> None:
    entry = replace(vision.generic("cait_xxs24_224"), arguments={"depth": 1})
    torch.save(build_timm(entry).state_dict(), tmp_path / "w.pth")
    backbone = open_backbone(entry, tmp_path / "w.pth", 1)
    with pytest.raises(
        EmbedderUnavailable, match=r"features of the shape \(1, 197, 192\), expected a map of 192"
    ):
        backbone.raw(torch.zeros(1, 3, 224, 224))


def test_arguments_that_an_architecture_does_not_take_are_named() -> None:
    with pytest.raises(EmbedderUnavailable, match="timm cannot make test_vit: .*no_such_argument"):
        build_timm(replace(vision.generic("test_vit"), arguments={"no_such_argument": 1}))


def test_a_size_that_a_network_cannot_take_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fixed(model: str, **arguments: object) -> Any:
        if not {"dynamic_img_size", "strict_img_size"}.isdisjoint(arguments):
            raise TypeError("unexpected keyword argument")
        return real(model, dynamic_img_size=False, **arguments)

    real = timm.create_model
    monkeypatch.setattr(timm, "create_model", fixed)
    assert loaded(file).token_shape == (101, 64)
    with pytest.raises(
        SettingsError, match="cannot take images of 96 x 96 pixels .*: leave size, scales and preset"
    ):
        loaded(file, size="96")


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        ("", SettingsError, "timm needs a model"),
        ("no_such_net", UnknownName, "has no model 'no_such_net'"),
        ("hf-hub:x/y", UnknownName, "has no model 'hf-hub'"),
        ("test_vit.no_such_tag", UnknownName, "has no model 'test_vit.no_such_tag'"),
        ("test_vit:/nowhere.pth", EmbedderUnavailable, "no weights of timm:test_vit at /nowhere.pth"),
    ],
)
def test_generic_names_that_lead_nowhere(argument: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        vision.load(EmbedderOptions(argument, name="timm"))


def test_a_preprocessing_that_presets_do_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        timm.data,
        "resolve_data_config",
        lambda pretrained_cfg: {"input_size": (3, 96, 64), "interpolation": "bicubic", "crop_pct": 1},
    )
    with pytest.raises(SettingsError, match="as no preset does"):
        vision.generic("test_vit")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="no network 'dino'; known are dino-vitb16"):
        vision.load(EmbedderOptions(name="dino"))


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_usual_use_of_every_entry(entry: Any) -> None:
    use = Use.of({}, entry)
    assert use.query(entry) == ""
    preset = entry.input.preset(use.size)
    assert preset.side == use.size
    assert preset.name == "own"
