"""Frames in a GPU's memory: one upload, and all that is cut out of a frame is made there by PyTorch's operators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from pose3d_ros.engines.images.device_sampling import (
    LetterboxSampler,
    Scaling,
    crop_positions,
    grid_positions,
    sample_crops,
    sample_grids,
)
from pose3d_ros.engines.spec.entry import Normalization
from pose3d_ros.engines.tensors import Tensor, cuda_errors
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.geometry.region_views import GRID_STEP_PX, RegionViews
from pose3d_ros.types import Array, ImageArray


@dataclass(frozen=True, eq=False)
class TorchArray:
    """A tensor as a `DeviceArray`. stream: the one that fills it; None for the CPU or PyTorch's current stream."""

    tensor: torch.Tensor
    stream: torch.cuda.Stream | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's."""
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> str:
        """NumPy's name of it."""
        return str(self.tensor.dtype).removeprefix("torch.")

    def numpy(self) -> Tensor:
        """A copy in the host's memory, once the stream has filled it. Raises EngineError when the GPU fails."""
        with _queued(None):
            if self.stream is not None:
                self.stream.synchronize()
            copy: Tensor = self.tensor.to("cpu", copy=True).numpy()
            return copy


class DeviceImages:
    """Loads frames: call it with (H, W, 3) uint8 BGR, which it does not check. Use it from one thread at a time.

    device: `cuda`, or `cpu`, where the same operators run. stream: all is queued there, None for PyTorch's current one.
    A frame goes to the GPU through page-locked memory, which frames of one size share; the array may change as soon as
    the call returns. Raises EngineError when the GPU fails.
    """

    def __init__(self, device: str = "cpu", stream: torch.cuda.Stream | None = None) -> None:
        self._device, self._stream = torch.device(device), stream
        self._size: _FrameSize | None = None

    def __call__(self, image_bgr: ImageArray) -> DeviceImage:
        """Upload a frame."""
        with _queued(self._stream):
            if self._size is None or self._size.shape != image_bgr.shape:
                self._size = _FrameSize(image_bgr.shape, self._device, self._stream)
            return DeviceImage(self._size.upload(image_bgr), self._size)


class DeviceImage:
    """A `FrameImage` in a GPU's memory; its results are `TorchArray`s, C-contiguous.

    Against `HostImage` a pixel may be one gray level off; in crops more, where the image has sharp edges, as OpenCV
    before 5 samples at the nearest 1/32 px. Its methods raise EngineError when the GPU fails.
    """

    def __init__(self, frame: torch.Tensor, size: _FrameSize) -> None:
        """frame: (H, W, 3) uint8 BGR on the device."""
        self._frame, self._size = frame, size
        self._planes: dict[str, torch.Tensor] = {}
        self._levels: dict[tuple[str, int], torch.Tensor] = {}

    def letterboxed(self, letterbox: Letterbox, normalization: Normalization) -> TorchArray:
        """See FrameImage. The next frame's letterbox is written over it."""
        with _queued(self._size.stream):
            planes = self._reduced(normalization.channel_order, letterbox.first_reduction)
            return self._result(self._size.letterbox(letterbox, normalization)(planes))

    def crops(
        self, img2crop: Array, size_px: tuple[int, int], normalization: Normalization, *, mirrored: bool
    ) -> TorchArray:
        """See FrameImage: (N or 2N, 3, H, W) float32, NCHW in memory as TensorRT's buffers are."""
        with _queued(self._size.stream):
            sampled = self._sampled(img2crop, size_px, normalization.channel_order, mirrored)
            return self._result(self._size.scaling(normalization).apply(sampled, out=sampled))

    def raw_crops(self, img2crop: Array, size_px: tuple[int, int], *, rgb: bool, mirrored: bool) -> TorchArray:
        """See FrameImage: (N or 2N, H, W, 3) uint8."""
        with _queued(self._size.stream):
            sampled = self._sampled(img2crop, size_px, "rgb" if rgb else "bgr", mirrored).permute(0, 2, 3, 1)
            return self._result(sampled.to(torch.uint8, memory_format=torch.contiguous_format))

    def views(self, views: RegionViews, normalization: Normalization, *, mirrored: bool = False) -> TorchArray:
        """See FrameImage: (N or 2N, 3, S, S) float32."""
        with _queued(self._size.stream):
            shape = (len(views), 3, views.size_px, views.size_px)
            sampled = torch.empty(shape, dtype=torch.float32, device=self._frame.device)
            reductions = views.reductions
            for reduction, bent in {*zip(reductions.tolist(), views.bent.tolist(), strict=True)}:
                at = np.flatnonzero((reductions == reduction) & (views.bent == bent))
                crops = self._sampled_views(views.chosen(at), reduction, bent, normalization.channel_order)
                if len(at) == len(views):
                    sampled = crops
                else:
                    sampled[self._size.to_device(at)] = crops
            sampled = torch.cat([sampled, sampled.flip(3)]) if mirrored else sampled
            return self._result(self._size.scaling(normalization).apply(sampled, out=sampled))

    def _sampled_views(self, views: RegionViews, reduction: int, bent: bool, channel_order: str) -> torch.Tensor:
        height_px, width_px = self._frame.shape[:2]
        planes = self._reduced(channel_order, reduction)
        covered_px = (width_px // reduction * reduction, height_px // reduction * reduction)
        if bent:
            grids = self._size.to_device(grid_positions(views.grids_px(), covered_px))
            return sample_grids(planes, grids, views.size_px, GRID_STEP_PX)
        size_px = (views.size_px, views.size_px)
        positions = crop_positions(views.img2crop, size_px, covered_px, mirrored=False)
        return sample_crops(planes, self._size.to_device(positions), views.size_px)

    def _sampled(self, img2crop: Array, size_px: tuple[int, int], channel_order: str, mirrored: bool) -> torch.Tensor:
        height_px, width_px = self._frame.shape[:2]
        positions = crop_positions(img2crop, size_px, (width_px, height_px), mirrored=mirrored)
        return sample_crops(self._in_order(channel_order), self._size.to_device(positions), size_px[0])

    def _in_order(self, channel_order: str) -> torch.Tensor:
        """(1, 3, H, W) float32, made at first use; a pixel's values stay together in memory, as they are read."""
        planes = self._planes.get(channel_order)
        if planes is None:
            pixels = self._frame if channel_order == "bgr" else self._frame.flip(2)
            planes = self._planes[channel_order] = pixels.to(torch.float32).permute(2, 0, 1)[None]
        return planes

    def _reduced(self, channel_order: str, reduction: int) -> torch.Tensor:
        """The planes averaged over blocks, in whole gray levels; a part of a block at the end is left out."""
        key = (channel_order, reduction)
        if reduction == 1:
            return self._in_order(channel_order)
        if key not in self._levels:
            averages = functional.avg_pool2d(self._in_order(channel_order), reduction)
            # OpenCV rounds halves of 2x2 up, (a + b + c + d + 2) >> 2, and others to even numbers.
            self._levels[key] = averages.add_(0.5).floor_() if reduction == 2 else averages.round_()
        return self._levels[key]

    def _result(self, tensor: torch.Tensor) -> TorchArray:
        return TorchArray(tensor, self._size.stream)


class _FrameSize:
    """What frames of one size share: memory for the upload and what never changes of the sampling."""

    def __init__(self, shape: tuple[int, ...], device: torch.device, stream: torch.cuda.Stream | None) -> None:
        self.shape, self.stream = shape, stream
        self._device = device
        self._staging = _Staging(shape, device) if device.type == "cuda" else None
        self._scalings: dict[Normalization, Scaling] = {}
        self._letterboxes: dict[tuple[Letterbox, Normalization], LetterboxSampler] = {}

    def upload(self, image: ImageArray) -> torch.Tensor:
        return self._staging.upload(image) if self._staging is not None else torch.from_numpy(image.copy())

    def to_device(self, array: Tensor) -> torch.Tensor:
        """A small array; PyTorch keeps its page-locked copy until the GPU has read it."""
        tensor = torch.from_numpy(array)
        return tensor if self._staging is None else tensor.pin_memory().to(self._device, non_blocking=True)

    def scaling(self, normalization: Normalization) -> Scaling:
        if normalization not in self._scalings:
            self._scalings[normalization] = Scaling(normalization, self._device)
        return self._scalings[normalization]

    def letterbox(self, letterbox: Letterbox, normalization: Normalization) -> LetterboxSampler:
        key = (letterbox, normalization)
        if key not in self._letterboxes:
            factor = letterbox.first_reduction
            size_px = (self.shape[1] // factor, self.shape[0] // factor)
            self._letterboxes[key] = LetterboxSampler(letterbox, size_px, self.scaling(normalization))
        return self._letterboxes[key]


class _Staging:
    """Page-locked memory for a frame, from which the GPU copies while the host goes on."""

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        self._memory = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        self._device = device
        self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]

    def upload(self, image: ImageArray) -> torch.Tensor:
        self._copied.synchronize()  # the last frame's copy reads this memory; an event not yet recorded is no wait
        np.copyto(self._memory.numpy(), image)
        frame = self._memory.to(self._device, non_blocking=True)
        self._copied.record(torch.cuda.current_stream(self._device))
        return frame


@contextmanager
def _queued(stream: torch.cuda.Stream | None) -> Iterator[None]:
    """On that stream, if there is one; a failure of CUDA becomes an EngineError."""
    with cuda_errors("frame on the GPU", "copies and crops without an error of CUDA"), torch.cuda.stream(stream):
        yield
