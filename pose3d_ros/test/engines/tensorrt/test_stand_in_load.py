"""The stand-in's parser and runtime: what they make of good, bad, damaged and foreign bytes."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType

import onnx
import pytest
from onnx import TensorProto, helper

from .tensorrt_stand_in import VERSIONS, make_tensorrt, read_header
from .tensorrt_stand_in.caller import RANGES, Messages, built, configured, explicit_flags, parsed


@pytest.fixture(params=VERSIONS)
def trt(request: pytest.FixtureRequest) -> ModuleType:
    return make_tensorrt(request.param)


@pytest.fixture
def unsupported() -> bytes:
    """An operator without an importer."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    out = helper.make_tensor_value_info("y", TensorProto.INT64, [1, None])
    nodes = [helper.make_node("NonZero", ["x"], ["y"], name="finds")]
    made = helper.make_graph(nodes, "tiny", [value], [out])
    model: bytes = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    return model


def test_host_memory_is_a_buffer_without_length(trt: ModuleType, graph: bytes) -> None:
    builder, network = parsed(trt, graph, Messages())
    plan = builder.build_serialized_network(network, configured(builder, RANGES))
    file = io.BytesIO()
    file.write(plan)
    assert file.getvalue() == bytes(plan)
    assert plan.nbytes == len(bytes(plan))
    assert trt.Runtime(Messages()).deserialize_cuda_engine(plan) is not None
    with pytest.raises(TypeError, match="has no len"):
        len(plan)


def test_a_plan_of_another_version_is_refused(graph: bytes) -> None:
    plan = built(make_tensorrt("10.3.0"), graph, Messages(), RANGES)
    messages = Messages()
    assert make_tensorrt("10.13.3").Runtime(messages).deserialize_cuda_engine(plan) is None
    assert messages.lines == [
        "ERROR Error Code 1: Serialization (Version tag does not match: the plan is of TensorRT 10.3.0)"
    ]


@pytest.mark.parametrize("damage", [b"", b"rubbish", "cut", "flip"])
def test_a_damaged_plan_is_refused(trt: ModuleType, graph: bytes, damage: bytes | str) -> None:
    plan = built(trt, graph, Messages(), RANGES)
    damaged = {"cut": plan[:-1], "flip": plan[:-1] + bytes([plan[-1] ^ 1])}.get(str(damage), damage)
    messages = Messages()
    assert trt.Runtime(messages).deserialize_cuda_engine(damaged) is None
    assert len(messages.lines) == 1


def test_a_bad_graph_is_false_with_an_error(trt: ModuleType, unsupported: bytes) -> None:
    network = trt.Builder(Messages()).create_network(explicit_flags(trt))
    parser = trt.OnnxParser(network, Messages())
    assert not parser.parse(b"rubbish")
    assert not parser.parse(unsupported)
    assert not parser.parse_from_file("/nowhere.onnx")
    assert parser.num_errors == 3
    assert parser.get_error(0).code() == trt.ErrorCode.MODEL_DESERIALIZE_FAILED
    assert parser.get_error(1).desc() == "No importer registered for op: NonZero"
    assert parser.get_error(1).node() == 0
    parser.clear_errors()
    assert parser.num_errors == 0


def test_the_parser_wants_strings_and_buffers(trt: ModuleType, adder: Path) -> None:
    network = trt.Builder(Messages()).create_network(explicit_flags(trt))
    parser = trt.OnnxParser(network, Messages())
    with pytest.raises(TypeError, match="PosixPath"):
        parser.parse_from_file(adder)
    with pytest.raises(TypeError, match="str"):
        parser.parse(str(adder))
    assert parser.parse_from_file(str(adder))
    assert (network.num_inputs, network.num_outputs, network.num_layers) == (3, 2, 2)
    assert network.get_layer(0).type == trt.LayerType.ELEMENTWISE
    assert network.get_input(9) is None


@pytest.mark.parametrize("version", VERSIONS[:2])
def test_8_needs_an_explicit_batch_and_narrows_int64(version: str, graph: bytes) -> None:
    trt = make_tensorrt(version)
    messages = Messages()
    builder = trt.Builder(messages)
    assert not trt.OnnxParser(builder.create_network(0), messages).parse(graph)
    network = builder.create_network(explicit_flags(trt))
    assert trt.OnnxParser(network, messages).parse(graph)
    assert network.get_input(2).dtype == trt.int32
    assert "WARNING TensorRT does not natively support INT64" in messages.lines[-1]


def test_the_header_tells_how_a_plan_was_built(trt: ModuleType, graph: bytes) -> None:
    builder, network = parsed(trt, graph, Messages())
    config = configured(builder, RANGES)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 20)
    config.clear_flag(trt.BuilderFlag.TF32)
    config.set_flag(trt.BuilderFlag.DIRECT_IO)
    header = read_header(bytes(builder.build_serialized_network(network, config)))
    assert header.flags == ("DIRECT_IO",)
    assert header.workspace_bytes == 1 << 20
    assert header.profiles[0].shapes == RANGES
    assert header.strongly_typed == (int(trt.__version__.split(".")[0]) >= 10)


def test_the_onnx_graph_travels_in_the_plan(trt: ModuleType, graph: bytes) -> None:
    assert built(trt, graph, Messages(), RANGES).endswith(graph)
    assert onnx.load_model_from_string(graph).graph.name == "tiny"
