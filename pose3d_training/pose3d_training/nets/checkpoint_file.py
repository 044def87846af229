"""Loading of checkpoints, ours and the published ones, without running code from a file."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError

StateDict = dict[str, Tensor]

_CONTAINERS = ("network", "model_pos", "model", "state_dict")
"""Where files keep the weights: 3DMPPE, VideoPose3D, and two common ones."""

_LISTED = 8

_MALFORMED = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
)
"""What torch's restricted unpickler raises about bytes that are no pickle, by version."""


def load_state(module: nn.Module, state: Mapping[str, Tensor], source: Path) -> None:
    """Load weights that were read from `source` into `module`, all or none. Raises EngineError for a difference."""
    problems = compare_state_dicts(module.state_dict(), state)
    if problems:
        raise EngineError(
            f"checkpoint {source}",
            expected=f"the weights of a {type(module).__name__} of this configuration",
            got=f"{len(problems)} differences: {_listing(problems)}",
            fix="Choose the backbone, number of joints and widths that the checkpoint was trained with.",
        )
    module.load_state_dict(state, strict=False)


def read_state_dict(path: Path) -> StateDict:
    """The weights in a checkpoint file, on the CPU, without DataParallel's `module.` before each key.

    A state of NumPy's random numbers beside them, which VideoPose3D saves, is skipped without being made. Raises
    EngineError for a file that is missing, damaged, holds other objects, or holds no or non-finite weights.
    """
    content = _read(path)
    for name in _CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    found = content if isinstance(content, Mapping) else {}
    if not found or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
        raise EngineError(
            f"checkpoint {path}",
            expected="named tensors, bare or under " + ", ".join(_CONTAINERS),
            got=_describe(content),
            fix="Give the training's checkpoint, not another of its files.",
        )
    state = {str(k).removeprefix("module."): v for k, v in found.items()}
    _require_finite(path, state)
    return state


def compare_state_dicts(expected: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> list[str]:
    """Readable differences of keys and shapes: `missing k`, `unexpected k`, `k is (…), not (…)`. Empty if they fit."""
    missing = [k for k in expected if k not in got and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in got if k not in expected]
    shapes = [
        f"{k} is {tuple(got[k].shape)}, not {tuple(v.shape)}"
        for k, v in expected.items()
        if k in got and got[k].shape != v.shape
    ]
    return [*shapes, *(f"missing {k}" for k in missing), *(f"unexpected {k}" for k in unexpected)]


def _read(path: Path) -> object:
    try:
        with _inert_numpy():
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise EngineError(
            f"checkpoint {path}", expected="a readable file", got=str(error), fix="Check the path and its permissions."
        ) from error
    except _MALFORMED as error:
        raise EngineError(
            f"checkpoint {path}",
            expected="a torch checkpoint of tensors and plain values only",
            got=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="Download it again; if it holds other objects, save its state dict alone where you trust it.",
        ) from error
    return content


class _Inert:
    """What a file's NumPy object becomes: nothing of NumPy runs, whatever the file gives it is dropped."""

    def __new__(cls, *_: object) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


# The pickle of a RandomState names these, by NumPy's version (1.15 to 2): makers, generator, seeds, the key's array.
_NUMPY_NAMES = (
    "numpy.random.__RandomState_ctor",
    "numpy.random._pickle.__randomstate_ctor",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.random._mt19937.MT19937",
    "numpy.random.bit_generator.SeedSequence",
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.ndarray",
    "numpy.dtype",
)


def _stand_in(full_name: str) -> type[_Inert]:
    module, _, name = full_name.rpartition(".")
    return type(name, (_Inert,), {"__module__": module})


# torch finds a class that is declared safe by its module and name.
_STAND_INS = [_stand_in(name) for name in _NUMPY_NAMES]


@contextmanager
def _inert_numpy() -> Iterator[None]:
    """Inside, torch's `weights_only` loading puts stand-ins where a file names NumPy's random state."""
    before = torch.serialization.get_safe_globals()
    torch.serialization.add_safe_globals(list(_STAND_INS))
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def _require_finite(path: Path, state: StateDict) -> None:
    bad = [k for k, v in state.items() if v.is_floating_point() and not bool(torch.isfinite(v).all())]
    if bad:
        raise EngineError(
            f"checkpoint {path}",
            expected="finite weights",
            got=f"NaN or infinity in {_listing(bad)}",
            fix="The training diverged; take an earlier checkpoint.",
        )


def _describe(content: object) -> str:
    if isinstance(content, Mapping):
        return f"entries {_listing([repr(k) for k in content])}" if content else "an empty file"
    return f"a {type(content).__name__}"


def _listing(items: list[str]) -> str:
    more = f", and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return ", ".join(items[:_LISTED]) + more
