"""Loading of checkpoints, ours and the published ones, without running code from a file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError, shown
from pose3d_ros.reading.files import Origin, read_bytes
from pose3d_training.nets.checkpoint_check import WrongCheckpoint, check_checkpoint

StateDict = dict[str, Tensor]

_CONTAINERS = ("network", "model_pos", "model", "state_dict")
"""Where files keep the weights: 3DMPPE, VideoPose3D, and two common ones."""

_LISTED = 8

_EXPECTED = "a torch checkpoint of tensors and plain values only"
_AGAIN = "Download it again; if it holds other objects, save its state dict alone where you trust it."
_MOST_BYTES = 4 << 30
_MOST_SHARED = 4
"""How often a file's size its tensors may have together: nets that share weights save them once."""
_Net = TypeVar("_Net", bound=nn.Module)


def load_state(module: nn.Module, state: Mapping[str, Tensor], source: Path) -> None:
    """Load weights that were read from `source` into `module`, all or none. Raises EngineError for a difference."""
    _require_fit(module, state, source)
    module.load_state_dict(state, strict=False)


def loaded(make: Callable[[], _Net], state: Mapping[str, Tensor], source: Path) -> _Net:
    """The net with these weights. make: gives it untrained; called first on a device without memory.

    The sizes that a few tensors of a file claim may make a net of gigabytes, which the others then do not fit. Raises
    EngineError as `load_state`.
    """
    with torch.device("meta"):
        compared = make()
    _require_fit(compared, state, source)
    module = make()
    load_state(module, state, source)
    return module


def _require_fit(module: nn.Module, state: Mapping[str, Tensor], source: Path) -> None:
    problems = compare_state_dicts(module.state_dict(), state)
    if problems:
        raise EngineError(
            f"checkpoint {source}",
            expected=f"the weights of a {type(module).__name__} of this configuration",
            got=f"{len(problems)} differences: {_listing(problems)}",
            fix="Choose the backbone, number of joints and widths that the checkpoint was trained with.",
        )


def read_state_dict(path: Path) -> StateDict:
    """The weights in a checkpoint file, on the CPU, without DataParallel's `module.` before each key.

    A state of NumPy's random numbers beside them, which VideoPose3D saves, is skipped without being made. Raises
    EngineError for a file that is missing, damaged, holds other objects, or holds no or non-finite weights.
    """
    content, size = read_tensors(path)
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
    _require_within(path, state, size)
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


def read_tensors(path: Path) -> tuple[object, int]:
    """What a checkpoint file holds, tensors on the CPU, and the file's size.

    Raises EngineError for what is no file, is damaged, or holds other objects than tensors and plain values.
    """
    origin = Origin(EngineError, f"checkpoint {path}", _AGAIN)
    data = read_bytes(path, origin, most_bytes=_MOST_BYTES)
    try:
        check_checkpoint(data, _NUMPY_NAMES)
        with _inert_numpy(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of storages with a type, which old files name
            content: object = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except WrongCheckpoint as error:
        raise EngineError(origin.subject, expected=_EXPECTED, got=str(error), fix=error.fix or _AGAIN) from error
    except Exception as error:  # torch's restricted unpickler raises whatever the bytes lead it to
        raise origin.error(_EXPECTED, "a damaged file, or objects that are no tensors") from error
    return content, len(data)


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


def _require_within(path: Path, state: StateDict, size: int) -> None:
    """Tensors of strides 0, or many of one storage, may claim any number of elements."""
    odd = [
        k
        for k, v in state.items()
        if v.layout != torch.strided
        or v.device.type != "cpu"
        or not v.numel()
        or v.numel() * v.element_size() > v.untyped_storage().nbytes()
    ]
    total = sum(v.numel() * v.element_size() for k, v in state.items() if k not in odd)
    if odd or total > _MOST_SHARED * size:
        raise EngineError(
            f"checkpoint {path}",
            expected="tensors with all of their elements in the file",
            got=f"{_listing(odd)} without" if odd else f"{total} bytes of tensors in {size} bytes",
            fix=_AGAIN,
        )


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
        return f"entries {_listing([shown(k) for k in content])}" if content else "an empty file"
    return f"a {type(content).__name__}"


def _listing(items: list[str]) -> str:
    more = f", and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return ", ".join(items[:_LISTED]) + more
