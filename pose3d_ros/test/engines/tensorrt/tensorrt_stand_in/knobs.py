"""What a test may make go wrong: each failure comes back as TensorRT reports it, never as a stray exception."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Knobs:
    """The failures to inject; by default nothing fails.

    no_driver: `Builder()` and `Runtime()` raise TypeError, as the bindings do when the library gives no object.
    parse_fails: the parser returns False and holds one error. build_returns_none, deserialize_returns_none,
    context_returns_none: that call returns None and logs. set_shape_fails, set_address_fails: that call returns False
    and logs. enqueue_fails_on: the n-th `execute_async_v3` of the module, counted from 1, returns False; 0 is never.
    capture_fails: every `execute_async_v3` on a stream that is being captured returns False.
    fast_fp16: what `Builder.platform_has_fast_fp16` says, in the versions that have it.
    """

    no_driver: bool = False
    parse_fails: bool = False
    build_returns_none: bool = False
    deserialize_returns_none: bool = False
    context_returns_none: bool = False
    set_shape_fails: bool = False
    set_address_fails: bool = False
    enqueue_fails_on: int = 0
    capture_fails: bool = False
    fast_fp16: bool = True
