"""The windows that convolutions and pools slide, and the padding around what they slide over."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from pose3d_ros.engines.pytorch.torch_ops.base import Call

_Lengths = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """A window's attributes, one number for each spatial axis. begins, ends: cells of padding."""

    kernel: _Lengths
    strides: _Lengths
    dilations: _Lengths
    begins: _Lengths
    ends: _Lengths

    @staticmethod
    def of(call: Call, kernel: _Lengths, lengths: _Lengths) -> Window:
        """The window of a node on an input with these spatial lengths.

        Raises EngineError for attributes of another rank and an unknown auto_pad.
        """
        ones = (1,) * len(kernel)
        strides, dilations = call.integers("strides", ones), call.integers("dilations", ones)
        pads = call.integers("pads", (0, 0) * len(kernel))
        half = len(kernel)
        if not len(lengths) == len(strides) == len(dilations) == half == len(pads) / 2:
            raise call.refused(f"{len(lengths)} spatial axes in every attribute", f"a kernel of {kernel}")
        plain = Window(kernel, strides, dilations, pads[:half], pads[half:])
        return plain._auto_padded(call, lengths)

    def _auto_padded(self, call: Call, lengths: _Lengths) -> Window:
        mode, zeros = call.text("auto_pad", "NOTSET"), (0,) * len(lengths)
        if mode == "NOTSET":
            return self
        if mode == "VALID":
            return Window(self.kernel, self.strides, self.dilations, zeros, zeros)
        if mode not in ("SAME_UPPER", "SAME_LOWER"):
            raise call.refused("auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER", mode)
        spans = zip(lengths, self.spans, self.strides, strict=True)
        totals = [max((-(-n // stride) - 1) * stride + span - n, 0) for n, span, stride in spans]
        return self.padded(totals, upper=mode == "SAME_UPPER")

    def padded(self, totals: list[int], *, upper: bool) -> Window:
        """With these cells of padding on both sides together, an odd one at the end (upper) or the beginning."""
        less, more = tuple(n // 2 for n in totals), tuple(n - n // 2 for n in totals)
        begins, ends = (less, more) if upper else (more, less)
        return Window(self.kernel, self.strides, self.dilations, begins, ends)

    @property
    def spans(self) -> _Lengths:
        """Cells from a window's first to its last."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def symmetric(self) -> bool:
        return self.begins == self.ends

    def places(self, lengths: _Lengths, *, ceil: bool) -> _Lengths:
        """How many windows fit along each axis; ceil: the last may reach over the end, but not start behind it."""
        found = []
        for n, span, stride, begin, end in zip(lengths, self.spans, self.strides, self.begins, self.ends, strict=True):
            room = n + begin + end - span
            count = (-(-room // stride) if ceil else room // stride) + 1
            found.append(count - 1 if ceil and (count - 1) * stride >= n + begin else count)
        return tuple(found)


def padded(x: Tensor, begins: _Lengths, ends: _Lengths, fill: float = 0.0) -> Tensor:
    """The last axes with that many cells added, or cut away where negative."""
    pairs = [n for pair in zip(reversed(begins), reversed(ends), strict=True) for n in pair]
    return functional.pad(x, pairs, value=fill) if any(pairs) else x
