"""The stand-in for TensorRT computes, has each version's members and no other, and fails as the bindings do."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import TensorProto, helper

from .tensorrt_stand_in import VERSIONS, DeviceMemory, Knobs, MisuseError, make_tensorrt
from .tensorrt_stand_in.caller import RANGES, Messages, Session, adder_feeds, built, parsed

Array = npt.NDArray[Any]
EARLY = ("8.5.2", "8.6.2")
WEAK = (*EARLY, "10.3.0", "10.13.3")
MEMBERS: dict[str, tuple[str, ...]] = {
    "BuilderFlag.FP16": WEAK,
    "BuilderFlag.INT8": WEAK,
    "BuilderFlag.OBEY_PRECISION_CONSTRAINTS": WEAK,
    "BuilderFlag.VERSION_COMPATIBLE": VERSIONS[1:],
    "BuilderFlag.STRICT_TYPES": EARLY,
    "NetworkDefinitionCreationFlag.EXPLICIT_BATCH": WEAK,
    "NetworkDefinitionCreationFlag.STRONGLY_TYPED": VERSIONS[2:],
    "DataType.INT64": VERSIONS[2:],
    "int64": VERSIONS[2:],
    "HardwareCompatibilityLevel": VERSIONS[1:],
    "IProgressMonitor": VERSIONS[2:],
    "PreviewFeature.PROFILE_SHARING_0806": ("8.6.2", "10.3.0", "10.13.3"),
    "MemoryPoolType.TACTIC_DRAM": VERSIONS[1:],
    "ILayer.precision": WEAK,
    "ILayer.set_output_type": WEAK,
    "Builder.platform_has_fast_fp16": WEAK,
    "IBuilderConfig.builder_optimization_level": VERSIONS[1:],
    "IBuilderConfig.hardware_compatibility_level": VERSIONS[1:],
    "IBuilderConfig.progress_monitor": VERSIONS[2:],
    "ParserError.node_name": VERSIONS[2:],
    "ICudaEngine.num_io_tensors": VERSIONS,
    "ICudaEngine.num_bindings": (),
    "ICudaEngine.get_binding_index": (),
    "IExecutionContext.execute_async_v2": (),
    "Builder.build_engine": (),
    "OnnxParser.nonsense": (),
}


@pytest.fixture(params=VERSIONS)
def trt(request: pytest.FixtureRequest) -> ModuleType:
    return make_tensorrt(request.param)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_whole_chain_gives_onnx_runtimes_values(version: str, graph: bytes) -> None:
    memory = DeviceMemory()
    trt = make_tensorrt(version, memory=memory)
    session = Session(trt, memory, built(trt, graph, Messages(), RANGES))
    reference = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for batch in (1, 3, 8):
        session.run(adder_feeds(batch))
        total, same = reference.run(None, adder_feeds(batch))
        np.testing.assert_array_equal(session.result("total"), total)
        np.testing.assert_array_equal(session.result("same"), same)
    assert session.result("same").dtype == (np.int32 if version in EARLY else np.int64)


def test_softmax_is_computed_not_invented() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])
    made = helper.make_graph([helper.make_node("Softmax", ["x"], ["y"], axis=1)], "tiny", [value], [out])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    memory = DeviceMemory()
    trt = make_tensorrt(VERSIONS[0], memory=memory)
    session = Session(trt, memory, built(trt, model.SerializeToString(), Messages()))
    session.run({"x": np.array([[0.0, np.log(3.0)]], np.float32)})
    np.testing.assert_allclose(session.result("y"), [[0.25, 0.75]], rtol=1e-6)


def test_the_engine_describes_its_tensors(trt: ModuleType, graph: bytes) -> None:
    engine = trt.Runtime(Messages()).deserialize_cuda_engine(built(trt, graph, Messages(), RANGES))
    assert [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)] == ["a", "b", "n", "total", "same"]
    assert engine.get_tensor_name(5) is None
    assert engine.get_tensor_mode("a") == trt.TensorIOMode.INPUT
    assert engine.get_tensor_mode("total") == trt.TensorIOMode.OUTPUT
    assert tuple(engine.get_tensor_shape("a")) == (-1, 3)
    assert [tuple(shape) for shape in engine.get_tensor_profile_shape("a", 0)] == [(1, 3), (4, 3), (8, 3)]
    assert engine.num_optimization_profiles == 1
    assert engine.get_tensor_location("a") == trt.TensorLocation.DEVICE


def test_an_unknown_tensor_gets_the_bindings_answers(trt: ModuleType, graph: bytes) -> None:
    engine = trt.Runtime(Messages()).deserialize_cuda_engine(built(trt, graph, Messages(), RANGES))
    context = engine.create_execution_context()
    assert engine.get_tensor_dtype("z") == trt.float32
    assert engine.get_tensor_mode("z") == trt.TensorIOMode.NONE
    for shape in (engine.get_tensor_shape("z"), context.get_tensor_shape("z")):
        with pytest.raises(ValueError, match="__len__"):
            tuple(shape)


def test_output_shapes_follow_the_inputs(trt: ModuleType, graph: bytes) -> None:
    session = Session(trt, DeviceMemory(), built(trt, graph, Messages(), RANGES))
    assert tuple(session.context.get_tensor_shape("total")) == (-1, 3)
    assert session.context.infer_shapes() == ["a", "b", "n"]
    session.shape(adder_feeds(2))
    assert session.context.infer_shapes() == []
    assert session.context.all_binding_shapes_specified
    assert tuple(session.context.get_tensor_shape("total")) == (2, 3)


def test_dims_compare_with_tuples_only(trt: ModuleType) -> None:
    dims = trt.Dims((1, 2))
    assert dims == (1, 2)
    assert dims != [1, 3]
    assert (len(dims), dims[-1], dims[0:1]) == (2, 2, (1,))
    with pytest.raises(TypeError, match="__eq__"):
        dims == trt.Dims((1, 2))  # noqa: B015
    with pytest.raises(TypeError, match="unhashable"):
        hash(dims)
    with pytest.raises(ValueError, match="Max expected length is 8"):
        trt.Dims(range(9))


def test_enumerations_are_no_integers(trt: ModuleType) -> None:
    flag = trt.BuilderFlag.TF32
    assert (str(flag), flag.name, flag == int(flag)) == ("BuilderFlag.TF32", "TF32", False)
    assert trt.BuilderFlag(int(flag)) == flag
    assert trt.Logger.ERROR < trt.Logger.WARNING
    with pytest.raises(TypeError, match="not iterable"):
        list(trt.BuilderFlag)
    with pytest.raises(TypeError, match="<<"):
        1 << flag


@pytest.mark.parametrize(
    ("version", "strong", "tf32"),
    [("8.5.2", None, 7), ("8.6.2", None, 7), ("10.3.0", 1, 6), ("10.13.3", 1, 6), ("11.1.0", 0, 6)],
)
def test_values_of_flags_differ_between_versions(version: str, strong: int | None, tf32: int) -> None:
    trt = make_tensorrt(version)
    flags = trt.NetworkDefinitionCreationFlag.__members__
    assert (int(flags["STRONGLY_TYPED"]) if "STRONGLY_TYPED" in flags else None) == strong
    assert int(trt.BuilderFlag.TF32) == tf32


def test_nothing_can_be_added_to_its_objects(trt: ModuleType, graph: bytes) -> None:
    builder, network = parsed(trt, graph, Messages())
    engine = trt.Runtime(Messages()).deserialize_cuda_engine(built(trt, graph, Messages(), RANGES))
    context = engine.create_execution_context()
    for made in (builder, network, builder.create_builder_config(), network.get_layer(0), engine, context):
        with pytest.raises(AttributeError):
            made.max_workspace_size = 1


def test_only_the_library_makes_its_objects(trt: ModuleType) -> None:
    for name in ("ICudaEngine", "IExecutionContext", "IHostMemory", "INetworkDefinition", "IBuilderConfig", "ILayer"):
        with pytest.raises(TypeError):
            getattr(trt, name)()


def test_no_driver(graph: bytes) -> None:
    trt = make_tensorrt("10.3.0", Knobs(no_driver=True))
    for kind in (trt.Builder, trt.Runtime):
        with pytest.raises(TypeError, match="factory function returned nullptr"):
            kind(Messages())


def test_loggers(trt: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    class Forgetful(trt.ILogger):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            """Does not call the base's."""

    class Silent(trt.ILogger):  # type: ignore[name-defined,misc]
        """Has no `log`."""

    with pytest.raises(TypeError, match="must be called"):
        Forgetful()
    with pytest.raises(TypeError, match="Builder"):
        trt.Builder(None)
    with pytest.raises(MisuseError, match="must define it"):
        trt.Runtime(Silent()).deserialize_cuda_engine(b"")
    assert trt.Runtime(trt.Logger(trt.Logger.ERROR)).deserialize_cuda_engine(b"") is None
    assert trt.Runtime(trt.Logger(trt.Logger.INTERNAL_ERROR)).deserialize_cuda_engine(b"") is None
    assert capsys.readouterr().err.count("[TRT] [E] Error Code 1") == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_members_are_those_of_the_version(version: str) -> None:
    trt = make_tensorrt(version)
    for path, versions in MEMBERS.items():
        found: Any = trt
        names = path.split(".")
        for name in names[:-1]:
            found = getattr(found, name)
        assert hasattr(found, names[-1]) == (version in versions), path
