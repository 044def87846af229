"""The stand-in's plan: a header that says how the engine was built, then the ONNX graph itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

_MAGIC = b"stand-in plan\n"

Shape = tuple[int, ...]


class PlanError(Exception):
    """The bytes are no plan, or a damaged one."""


@dataclass(frozen=True)
class PlanProfile:
    """One optimization profile: the min, opt and max shape of an input, by its name."""

    shapes: dict[str, tuple[Shape, Shape, Shape]]


@dataclass(frozen=True)
class PlanHeader:
    """How a plan was built, for tests to look at.

    flags: names of the builder flags that were set. precisions: the layers whose precision or output type was set, as
    (layer, data type). shares_profiles: whether several contexts may use one profile.
    """

    version: str
    flags: tuple[str, ...]
    strongly_typed: bool
    precisions: tuple[tuple[str, str], ...]
    profiles: tuple[PlanProfile, ...]
    shares_profiles: bool


def pack(header: PlanHeader, graph: bytes) -> bytes:
    """A plan of these."""
    text = json.dumps(asdict(header)).encode()
    body = len(text).to_bytes(4, "big") + text + graph
    return _MAGIC + hashlib.sha256(body).digest() + body


def unpack(plan: bytes) -> tuple[PlanHeader, bytes]:
    """The header and the ONNX graph of a plan. Raises PlanError for other bytes, and for damaged ones."""
    if not plan.startswith(_MAGIC):
        raise PlanError("no magic number")
    digest, body = plan[len(_MAGIC) : len(_MAGIC) + 32], plan[len(_MAGIC) + 32 :]
    if hashlib.sha256(body).digest() != digest:
        raise PlanError("the checksum differs")
    length = int.from_bytes(body[:4], "big")
    return _header(json.loads(body[4 : 4 + length])), body[4 + length :]


def read_header(plan: bytes) -> PlanHeader:
    """How this plan was built. Raises PlanError for what is no plan."""
    return unpack(plan)[0]


def _header(fields: dict[str, object]) -> PlanHeader:
    profiles = fields.pop("profiles")
    precisions = fields.pop("precisions")
    flags = fields.pop("flags")
    assert isinstance(profiles, list)
    assert isinstance(precisions, list)
    assert isinstance(flags, list)
    return PlanHeader(
        flags=tuple(flags),
        precisions=tuple((layer, dtype) for layer, dtype in precisions),
        profiles=tuple(_profile(profile["shapes"]) for profile in profiles),
        **fields,  # type: ignore[arg-type]
    )


def _profile(shapes: dict[str, list[list[int]]]) -> PlanProfile:
    return PlanProfile(
        {name: (tuple(low), tuple(best), tuple(high)) for name, (low, best, high) in shapes.items()},
    )
