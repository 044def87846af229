"""TemporalModel and TemporalStep: published sizes, causality, steps equal to the sequence."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pose3d_ros.errors import EngineError, InputError
from pose3d_training.nets.temporal_net import TemporalModel, TemporalStep


def _model(widths: tuple[int, ...] = (3, 3, 3), *, causal: bool = True, seed: int = 0) -> TemporalModel:
    """A small model whose normalizations have seen something, so that folding them wrongly would show."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = TemporalModel(3, 2, 4, widths, causal=causal, channels=8).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(module.bias, generator=generator)
    return model


def _run_steps(step: TemporalStep, x: Tensor) -> Tensor:
    states = step.initial_states(x.shape[0])
    outputs = []
    for t in range(x.shape[1]):
        y, *rest = step(x[:, t], *states)
        states = tuple(rest)
        outputs.append(y)
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize(
    ("widths", "frames", "millions"), [((3, 3, 3), 27, 8.56), ((3, 3, 3, 3), 81, 12.75), ((3, 3, 3, 3, 3), 243, 16.95)]
)
def test_receptive_field_and_parameters_are_the_published_ones(
    widths: tuple[int, ...], frames: int, millions: float
) -> None:
    model = TemporalModel(17, 2, 17, widths)
    assert model.receptive_field == frames
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def test_state_dict_is_the_published_one() -> None:
    shapes = {k: tuple(v.shape) for k, v in TemporalModel(17, 2, 17, (3, 5), channels=64).state_dict().items()}
    assert shapes["expand_conv.weight"] == (64, 34, 3)
    assert shapes["layers_conv.0.weight"] == (64, 64, 5)
    assert shapes["layers_conv.1.weight"] == (64, 64, 1)
    assert shapes["layers_bn.1.running_mean"] == (64,)
    assert shapes["shrink.weight"] == (51, 64, 1)
    assert [k for k in shapes if k.endswith("bias") and "bn" not in k] == ["shrink.bias"]
    assert {k.split(".")[0] for k in shapes} == {"expand_conv", "expand_bn", "layers_conv", "layers_bn", "shrink"}


@pytest.mark.parametrize(("causal", "newest_or_center"), [(True, 8), (False, 4)])
def test_residual_connection_is_the_present_frame(causal: bool, newest_or_center: int) -> None:
    """With dead blocks only the residual is left: the output must be that frame's own value."""
    model = TemporalModel(1, 1, 1, (1, 3, 3), causal=causal, channels=1).eval()
    with torch.no_grad():
        model.expand_conv.weight.fill_(1.0)
        for norm in model.layers_bn:
            nn.init.zeros_(norm.weight)  # type: ignore[arg-type]
        model.shrink.weight.fill_(1.0)
        nn.init.zeros_(model.shrink.bias)  # type: ignore[arg-type]
        # Width 1 makes every dilation 1·1, 1·1, 1·3: the field is 1 + 2 + 6 = 9 frames.
        y = model(torch.arange(9.0).reshape(1, 9, 1, 1))
    assert tuple(y.shape) == (1, 1, 1, 3)
    assert y.flatten().tolist() == pytest.approx([newest_or_center] * 3, rel=1e-4)


def test_causal_output_depends_on_the_receptive_field_only() -> None:
    model, x = _model(), torch.randn(1, 70, 6)
    changed = x.clone()
    changed[:, 30] += 1.0
    with torch.no_grad():
        same = (model.forward_sequence(x) == model.forward_sequence(changed)).all(dim=2)[0]
    assert bool(same[:30].all())
    assert not bool(same[30])
    assert bool(same[30 + 27 :].all())


def test_causal_sequence_equals_windows_after_the_receptive_field() -> None:
    model, x = _model(), torch.randn(2, 35, 3, 2)
    with torch.no_grad():
        sequence = model.forward_sequence(x.flatten(2))
        valid = model(x).flatten(2)
    torch.testing.assert_close(sequence[:, 26:], valid, atol=1e-5, rtol=0)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=4),
    st.integers(1, 3),
    st.integers(1, 60),
    st.integers(0, 1000),
)
def test_temporal_steps_equal_the_sequence(widths: list[int], people: int, frames: int, seed: int) -> None:
    model = _model(tuple(widths), seed=seed)
    x = torch.randn(people, frames, 6, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        expected = model.forward_sequence(x)
        got = _run_steps(TemporalStep(model), x)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_people_of_a_batch_are_independent() -> None:
    step, x = TemporalStep(_model()), torch.randn(2, 12, 6)
    both = _run_steps(step, x)
    torch.testing.assert_close(both[1:], _run_steps(step, x[1:]), atol=1e-6, rtol=0)


def test_states_are_ordered_oldest_first() -> None:
    step = TemporalStep(_model((5, 3)))
    assert step.state_shapes == ((6, 4), (8, 10))
    states = step.initial_states(1)
    for t in range(1, 4):
        _, *rest = step(torch.full((1, 6), float(t)), *states)
        states = tuple(rest)
    assert states[0][0, 0].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_temporal_step_is_a_copy_of_the_model() -> None:
    model, x = _model().train(), torch.randn(1, 6)
    step = TemporalStep(model)
    before = step(x, *step.initial_states(1))[0]
    nn.init.zeros_(model.shrink.weight)
    assert model.training
    assert torch.equal(step(x, *step.initial_states(1))[0], before)


def test_symmetric_model_as_sequence_or_step_is_an_error() -> None:
    model = _model(causal=False)
    with pytest.raises(EngineError, match="causal=True"):
        model.forward_sequence(torch.randn(1, 30, 6))
    with pytest.raises(EngineError, match="causal=True"):
        TemporalStep(model)


@pytest.mark.parametrize("shape", [(1, 26, 3, 2), (1, 30, 6), (1, 30, 2, 3)])
def test_input_of_another_shape_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="T ≥ 27, 3, 2"):
        _model()(torch.zeros(shape))


@pytest.mark.parametrize("widths", [(), (3, 2), (3, -1)])
def test_even_or_missing_filter_widths_are_an_error(widths: tuple[int, ...]) -> None:
    with pytest.raises(EngineError, match="filter_widths"):
        TemporalModel(17, 2, 17, widths)
