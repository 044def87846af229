"""Manifests: what is read is what was written, and every mistake is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attr
import numpy as np
import pytest
import yaml

from pose3d_ros.engines import ManifestEntry, Normalization, default_manifest_dir, load_manifest
from pose3d_ros.engines.spec.entry import numeric_parameter
from pose3d_ros.engines.spec.manifest import sha256_of, verify_sha256, write_manifest
from pose3d_ros.errors import EngineError

MakeEntry = Callable[..., ManifestEntry]


@pytest.fixture
def folder(tmp_path: Path, make_entry: MakeEntry) -> Path:
    """A folder with a valid manifest of one engine."""
    write_manifest(tmp_path, [make_entry()])
    return tmp_path


def edit(folder: Path, path: list[str], value: object) -> None:
    """Set, or with ... delete, a value of the manifest's first engine."""
    content = yaml.safe_load((folder / "manifest.yaml").read_text())
    target = content["engines"][0]
    for key in path[:-1]:
        target = target[key]
    if value is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    (folder / "manifest.yaml").write_text(yaml.safe_dump(content))


def test_round_trip(folder: Path, make_entry: MakeEntry) -> None:
    for path in (folder, str(folder), folder / "manifest.yaml"):
        manifest = load_manifest(path)
        assert manifest.directory == folder
        assert len(manifest.entries) == 1
        entry, expected = manifest.entries[0], make_entry()
        for name in attr.fields_dict(ManifestEntry):
            assert getattr(entry, name) == getattr(expected, name), name
    assert sorted(p.name for p in folder.iterdir()) == ["adder.onnx", "manifest.yaml"]


def test_optional_fields_may_be_absent(folder: Path) -> None:
    edit(folder, ["roles"], ["smoother"])
    for key in ("input_size_px", "normalization", "accuracy", "parameters"):
        edit(folder, [key], ...)
    entry = load_manifest(folder).for_role("smoother")
    assert (entry.input_size_px, entry.normalization) == (None, None)
    assert entry.accuracy == entry.parameters == {}


def test_former_british_keys_are_read(folder: Path, make_entry: MakeEntry) -> None:
    file = folder / "manifest.yaml"
    for key, former in (("license:", "licence:"), ("normalization:", "normalisation:")):
        file.write_text(file.read_text().replace(key, former))
    entry, expected = load_manifest(folder).entries[0], make_entry()
    assert (entry.license, entry.normalization) == (expected.license, expected.normalization)


def test_entries_are_found_by_role(folder: Path) -> None:
    manifest = load_manifest(folder)
    assert manifest.for_role("root") is manifest.for_role("pose")
    assert manifest.has_role("pose")
    assert not manifest.has_role("smoother")
    with pytest.raises(EngineError, match="a model of the role detector, got root, pose"):
        manifest.for_role("detector")


def test_parameters_as_numbers(make_entry: MakeEntry) -> None:
    entry = make_entry()
    assert numeric_parameter(entry, "stride") == 8.0
    assert numeric_parameter(entry, "absent", 3) == 3.0
    with pytest.raises(EngineError, match=r"parameter absent of model adder.*got nothing"):
        numeric_parameter(entry, "absent")
    with pytest.raises(EngineError, match=r"parameter kind.*got 'tiny'"):
        numeric_parameter(entry, "kind")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["name"], ..., "got none of name"),
        (["sha256"], ..., "got none of sha256"),
        (["colour"], "red", "only the keys .*, got colour"),
        (["name"], "", r"engines\[0\]\.name: expected a name for files"),
        (["name"], "../../x", r"no slash"),
        (["name"], "/abs/x", r"no slash"),
        (["name"], "x" * 200, r"150 bytes at most"),
        (
            ["roles"],
            ["pose", "chef"],
            r"engines\[0\] \(adder\)\.roles: expected a list of detector, region_detector, root, pose",
        ),
        (["roles"], [], "roles: expected a list of .* each role once"),
        (["roles"], "pose", "roles: expected a list of .* each role once"),
        (["roles"], ["pose", "pose"], "each role once"),
        (["roles"], [["pose"]], "roles: expected a list of .* each role once"),
        (["file"], "none.onnx", "no such file"),
        (["file"], "../adder.onnx", "a path inside"),
        (["file"], "a\0b", "a path inside"),
        (["file"], "x" * 300, "a path inside"),
        (["file"], 3, "file: expected a path inside"),
        (["sha256"], "abc", "64 hexadecimal digits"),
        (["sha256"], "g" * 64, "64 hexadecimal digits"),
        (["decoder"], " ", "decoder: expected a non-empty string"),
        (["input_size_px"], [192], r"\[width, height\]"),
        (["input_size_px"], [192, 0], "above 0"),
        (["input_size_px"], [192.0, 256], "integers"),
        (["input_size_px"], None, "takes crops"),
        (["normalization"], None, "takes images"),
        (["normalization", "std"], ..., "got none of std"),
        (["normalization", "gamma"], 1.0, "got gamma"),
        (["normalization", "std"], [1.0, 1.0, 0.0], "above 0"),
        (["normalization", "mean"], [1.0, 1.0], "three numbers"),
        (["normalization", "mean"], [1.0, 1.0, ".nan"], "finite number"),
        (["normalization", "scale"], float("nan"), "finite number"),
        (["normalization", "channel_order"], "RGB", "rgb or bgr"),
        (["normalization"], "imagenet", "normalization: expected a mapping"),
        (["skeleton"], "octopus8", "skeleton: expected one of body25, body40, coco17"),
        (["skeleton"], None, "gives joints"),
        (["license"], 2, "license: expected a non-empty string"),
        (["accuracy", "mpjpe_mm"], True, "accuracy.mpjpe_mm: expected a string or a finite number"),
        (["parameters", "stride"], {"a": 1}, "parameters.stride: expected a finite number"),
        (["parameters", "names"], ["a", 1], "parameters.names: expected a finite number"),
    ],
)
def test_every_mistake_is_named(folder: Path, path: list[str], value: object, message: str) -> None:
    edit(folder, path, value)
    with pytest.raises(EngineError, match=message):
        load_manifest(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"manifest\.yaml: expected a readable YAML file"),
        ("", "a mapping, got nothing"),
        ("- 1", "a mapping, got list"),
        ("a: [", "readable YAML"),
        ("engines: []", "schema: 1"),
        ("schema: 2\nengines: []", "schema: int 2"),
        ("schema: 1\nengines: {}", "a list"),
        ("schema: 1\nengines: []\nextra: 1", "extra: int 1"),
        ("schema: 1\nengines: [1]", r"engines\[0\]: expected a mapping"),
    ],
)
def test_file_that_is_no_manifest_is_an_error(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "manifest.yaml").write_text(text)
    with pytest.raises(EngineError, match=message):
        load_manifest(tmp_path)


def test_names_and_roles_are_unique(folder: Path, make_entry: MakeEntry) -> None:
    before = (folder / "manifest.yaml").read_text()
    with pytest.raises(EngineError, match="each role once, got pose more than once"):
        write_manifest(folder, [make_entry(), make_entry(name="other", roles=("pose",))])
    with pytest.raises(EngineError, match="each name once, got adder more than once"):
        write_manifest(folder, [make_entry(roles=("root",)), make_entry(roles=("pose",))])
    # A manifest that does not read back leaves the old one as it was.
    assert (folder / "manifest.yaml").read_text() == before
    assert sorted(p.name for p in folder.iterdir()) == ["adder.onnx", "manifest.yaml"]


def test_write_refuses_a_file_outside_the_folder(tmp_path: Path, make_entry: MakeEntry) -> None:
    (tmp_path / "inner").mkdir()
    with pytest.raises(EngineError, match="a file inside"):
        write_manifest(tmp_path / "inner", [make_entry()])


def test_file_of_another_hash_is_an_error(folder: Path, make_entry: MakeEntry) -> None:
    entry = load_manifest(folder).for_role("pose")
    verify_sha256(entry)
    entry.file.write_bytes(entry.file.read_bytes() + b" ")
    with pytest.raises(EngineError, match=f"expected sha256 {entry.sha256}, got {sha256_of(entry.file)}"):
        verify_sha256(entry)
    with pytest.raises(EngineError, match="sha256"):
        write_manifest(folder, [entry])
    entry.file.unlink()
    with pytest.raises(EngineError, match="a readable file"):
        verify_sha256(entry)


def test_default_folder_is_the_first_with_a_manifest(tmp_path: Path, folder: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert default_manifest_dir([tmp_path / "nowhere", empty, folder]) == folder
    with pytest.raises(EngineError, match=r"none in .*nowhere"):
        default_manifest_dir([tmp_path / "nowhere", empty])


def test_normalization_equals_values_worked_by_hand() -> None:
    pixels = np.full((3, 5, 4, 3), [10, 20, 30], np.uint8)  # (N, H, W, 3): b, g, r
    mean, std = (0.5, 1.0, 2.0), (0.5, 1.0, 2.0)
    rgb = Normalization(0.1, mean, std, "rgb").apply(pixels)
    np.testing.assert_allclose(rgb[2, :, 4, 3], [(3 - 0.5) / 0.5, (2 - 1) / 1.0, (1 - 2) / 2.0], atol=1e-6)
    bgr = Normalization(0.1, mean, std, "bgr").apply(pixels)
    np.testing.assert_allclose(bgr[0, :, 0, 0], [(1 - 0.5) / 0.5, (2 - 1) / 1.0, (3 - 2) / 2.0], atol=1e-6)
    assert (rgb.shape, rgb.dtype.name, rgb.flags.c_contiguous) == ((3, 3, 5, 4), "float32", True)
    assert Normalization(1.0, mean, std, "rgb").apply(pixels[:0]).shape == (0, 3, 5, 4)
