"""What the stand-in's builder refuses, reports and warns about, version by version."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .tensorrt_stand_in import VERSIONS, Knobs, MisuseError, make_tensorrt, read_header
from .tensorrt_stand_in.caller import RANGES, Messages, configured, explicit_flags, parsed

WEAK = VERSIONS[:4]
EXPLICIT_BATCH_ONLY = 1


@pytest.fixture(params=VERSIONS)
def trt(request: pytest.FixtureRequest) -> ModuleType:
    return make_tensorrt(request.param)


def refused(trt: ModuleType, graph: bytes, *profiles: Any) -> str:
    """The last message of a build that gives None."""
    messages = Messages()
    builder, network = parsed(trt, graph, messages)
    assert builder.build_serialized_network(network, configured(builder, *profiles)) is None
    return messages.lines[-1]


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ((), "no optimization profile has been defined"),
        (({"a": RANGES["a"]},), "no shape for the dynamic input b"),
        (({**RANGES, "z": ((1,), (1,), (1,))},), "z, which is no input"),
        (({**RANGES, "a": ((1, 4), (4, 4), (8, 4))},), "for a (-1, 3)"),
        (({**RANGES, "a": ((1,), (4,), (8,))},), "for a (-1, 3)"),
    ],
)
def test_profiles_that_do_not_fit(trt: ModuleType, graph: bytes, profiles: Any, message: str) -> None:
    assert message in refused(trt, graph, *profiles)


def test_an_empty_network_is_refused(trt: ModuleType) -> None:
    messages = Messages()
    builder = trt.Builder(messages)
    network = builder.create_network(explicit_flags(trt))
    assert builder.build_serialized_network(network, builder.create_builder_config()) is None
    assert not builder.is_network_supported(network, builder.create_builder_config())
    assert messages.lines == ["ERROR Error Code 4: Internal Error (Network must have at least one output)"]


def test_shapes_of_different_ranks_are_an_error(trt: ModuleType) -> None:
    profile = trt.Builder(Messages()).create_optimization_profile()
    with pytest.raises(RuntimeError, match="Shape provided for max is inconsistent"):
        profile.set_shape("a", (1, 3), (4, 3), (8,))


def test_an_inconsistent_profile_is_not_added(trt: ModuleType) -> None:
    messages = Messages()
    builder = trt.Builder(messages)
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    assert config.add_optimization_profile(profile) == -1
    profile.set_shape("a", (4, 3), (1, 3), (8, 3))
    assert config.add_optimization_profile(profile) == -1
    profile.set_shape("a", (1, 3), (1, 3), (8, 3))
    assert config.add_optimization_profile(profile) == 0
    assert [tuple(shape) for shape in profile.get_shape("a")] == [(1, 3), (1, 3), (8, 3)]
    assert len(messages.lines) == 2


def test_flags_that_mean_nothing_are_misuse(trt: ModuleType) -> None:
    with pytest.raises(MisuseError, match="flags 0b10000"):
        trt.Builder(Messages()).create_network(1 << 4)


def test_members_of_another_enumeration_are_refused(trt: ModuleType) -> None:
    config = trt.Builder(Messages()).create_builder_config()
    for argument in (6, trt.TensorIOMode.INPUT, make_tensorrt("10.3.0").BuilderFlag.TF32):
        with pytest.raises(TypeError, match="set_flag"):
            config.set_flag(argument)


def test_tf32_is_on_by_default(trt: ModuleType) -> None:
    config = trt.Builder(Messages()).create_builder_config()
    assert config.get_flag(trt.BuilderFlag.TF32)
    config.clear_flag(trt.BuilderFlag.TF32)
    assert not config.get_flag(trt.BuilderFlag.TF32)


@pytest.mark.parametrize("version", WEAK)
def test_weak_typing_keeps_the_pinned_tail(version: str, graph: bytes) -> None:
    trt = make_tensorrt(version)
    builder, network = parsed(trt, graph, Messages(), EXPLICIT_BATCH_ONLY)
    config = configured(builder, RANGES)
    config.set_flag(trt.BuilderFlag.FP16)
    layer = network.get_layer(0)
    assert (layer.name, layer.num_outputs) == ("node_of_total", 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer.precision = trt.float32
        layer.set_output_type(0, trt.float32)
        assert layer.precision_is_set
        assert layer.output_type_is_set(0)
    warned = [(w.category, Path(w.filename).name) for w in caught]
    assert warned == [(DeprecationWarning, Path(__file__).name)] * (4 if version == "10.13.3" else 0)
    header = read_header(bytes(builder.build_serialized_network(network, config)))
    assert header.precisions == (("node_of_total", "FLOAT"), ("node_of_total", "FLOAT"))
    assert header.flags == ("FP16", "TF32")
    assert not header.strongly_typed
    with pytest.raises(TypeError, match="precision"):
        layer.precision = "float32"


@pytest.mark.parametrize("version", ["10.3.0", "10.13.3"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_strong_typing_refuses_reduced_precision(version: str, graph: bytes) -> None:
    trt = make_tensorrt(version)
    builder, network = parsed(trt, graph, Messages())
    config = configured(builder, RANGES)
    config.set_flag(trt.BuilderFlag.FP16)
    assert builder.build_serialized_network(network, config) is None
    assert "FP16 is set, but the network is strongly typed" in builder.logger.lines[-1]
    with pytest.raises(MisuseError, match="strongly typed"):
        network.get_layer(0).precision = trt.float32


def test_11_is_strongly_typed_without_a_flag(graph: bytes) -> None:
    trt = make_tensorrt("11.1.0")
    builder, network = parsed(trt, graph, Messages(), 0)
    assert read_header(bytes(builder.build_serialized_network(network, configured(builder, RANGES)))).strongly_typed


def test_levels_from_8_6_on(graph: bytes) -> None:
    trt = make_tensorrt("8.6.2")
    builder, network = parsed(trt, graph, Messages())
    config = configured(builder, RANGES)
    assert config.builder_optimization_level == 3
    config.builder_optimization_level = 5
    config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    header = read_header(bytes(builder.build_serialized_network(network, config)))
    assert (header.optimization_level, header.hardware_compatibility) == (5, "AMPERE_PLUS")
    with pytest.raises(MisuseError, match="6, not 0 to 5"):
        config.builder_optimization_level = 6


def test_the_timing_cache_grows_and_belongs_to_a_version(trt: ModuleType, graph: bytes) -> None:
    builder, network = parsed(trt, graph, Messages())
    config = configured(builder, RANGES)
    assert config.get_timing_cache() is None
    empty = config.create_timing_cache(b"")
    assert config.set_timing_cache(empty, ignore_mismatch=False)
    before = bytes(empty.serialize())
    assert builder.build_serialized_network(network, config) is not None
    after = bytes(config.get_timing_cache().serialize())
    assert after.startswith(before)
    assert len(after) > len(before)
    assert config.create_timing_cache(b"rubbish") is None
    foreign = config.create_timing_cache(after.replace(b"timing cache ", b"timing cache 1"))
    assert not config.set_timing_cache(foreign, ignore_mismatch=False)
    assert config.set_timing_cache(foreign, ignore_mismatch=True)


def test_knobs_fail_the_parser_and_the_build(graph: bytes) -> None:
    trt = make_tensorrt("10.3.0", Knobs(parse_fails=True))
    parser = trt.OnnxParser(trt.Builder(Messages()).create_network(explicit_flags(trt)), Messages())
    assert not parser.parse(graph)
    assert parser.num_errors == 1
    assert "a knob" in refused(make_tensorrt("10.3.0", Knobs(build_returns_none=True)), graph, RANGES)


def test_a_knob_says_that_fp16_is_slow() -> None:
    assert make_tensorrt("8.6.2").Builder(Messages()).platform_has_fast_fp16
    assert not make_tensorrt("8.6.2", Knobs(fast_fp16=False)).Builder(Messages()).platform_has_fast_fp16
