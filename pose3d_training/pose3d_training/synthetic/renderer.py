"""Software or GPU rendering of figures with OpenGL over EGL; no display is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import moderngl
import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic import Array32
from pose3d_training.synthetic.figure import Figure, PosedFigure
from pose3d_training.synthetic.scene_camera import View
from pose3d_training.synthetic.texture import (
    FRAGMENT_SHADER,
    SHADOW_FRAGMENT_SHADER,
    SHADOW_VERTEX_SHADER,
    VERTEX_SHADER,
    Appearance,
    vertex_paint,
)

NEAR_M, FAR_M = 0.15, 60.0
_SUPER = 2
"""Samples per pixel side. With llvmpipe twice the pixels each way cost 40% less than 4-fold multisampling."""
_TILE_PX = 64
_SHADOW_PX = 320
_SHADOW_BIAS_M = 0.025
_PRINT_PX = 256


@dataclass(frozen=True, eq=False)
class Light:
    """sun_dir, fill_dir (3,) unit, world, towards the light; the colors (3,) linear RGB."""

    sun_dir: Array
    sun_color: Array
    fill_dir: Array
    fill_color: Array
    sky_color: Array
    ground_color: Array

    @property
    def sun_share(self) -> float:
        """Share of the light on a level floor that comes from the sun, 0–1: how dark its shadows are."""
        sun = float(self.sun_color.mean()) * max(float(self.sun_dir[1]), 0.0)
        return sun / max(sun + float(self.sky_color.mean()), 1e-9)

    @staticmethod
    def random(rng: np.random.Generator) -> Light:
        """Outdoor sun, overcast sky or indoor lamps."""
        hard = rng.random()
        warm = rng.uniform(-0.12, 0.12) * np.array([1.0, 0.0, -1.0])
        exposure = rng.lognormal(0.0, 0.25)
        return Light(
            sun_dir=_direction(rng, 20, 85), sun_color=exposure * rng.uniform(0.4, 2.4) * hard * (1 + warm),
            fill_dir=_direction(rng, -20, 60), fill_color=exposure * rng.uniform(0.0, 0.35) * (1 - warm),
            sky_color=exposure * rng.uniform(0.75, 1.0) * (1 - 0.6 * hard) * (1 - warm / 2),
            ground_color=exposure * rng.uniform(0.1, 0.45) * (1 + warm / 2),
        )  # fmt: skip


def _direction(rng: np.random.Generator, low_deg: float, high_deg: float) -> Array:
    elevation, azimuth = np.deg2rad(rng.uniform(low_deg, high_deg)), rng.uniform(0, 2 * np.pi)
    flat = np.cos(elevation)
    return np.array([flat * np.cos(azimuth), np.sin(elevation), flat * np.sin(azimuth)])


def clip_matrix(view: View) -> Array:
    """Camera frame → OpenGL clip space (4, 4). Row 0 of the framebuffer is row 0 of the image."""
    k, w, h = view.K, view.width_px, view.height_px
    a = (FAR_M + NEAR_M) / (FAR_M - NEAR_M)
    b = -2.0 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    # Pixel center u lies at framebuffer coordinate u + 0.5: ndc = 2 (u + 0.5) / size - 1.
    return np.array([
        [2 * k[0, 0] / w, 2 * k[0, 1] / w, 2 * (k[0, 2] + 0.5) / w - 1, 0.0],
        [0.0, 2 * k[1, 1] / h, 2 * (k[1, 2] + 0.5) / h - 1, 0.0],
        [0.0, 0.0, a, b],
        [0.0, 0.0, 1.0, 0.0],
    ])  # fmt: skip


def sun_matrix(vertices_m: Array32, sun_dir: Array) -> Array:
    """World → the shadow map's clip space (4, 4): parallel light along -sun_dir on everything of a mesh (V, 3)."""
    low, high = vertices_m.min(axis=0).astype(np.float64), vertices_m.max(axis=0).astype(np.float64)
    center, radius = (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-3)
    towards = sun_dir / np.linalg.norm(sun_dir)
    side = np.cross([0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0], towards)
    side /= np.linalg.norm(side)
    out = np.eye(4)
    out[:3, :3] = np.stack([side, np.cross(towards, side), -towards]) / radius
    out[:3, 3] = -out[:3, :3] @ center
    return out


@dataclass(eq=False)
class Mesh:
    """A figure's buffers on the device. Release it when done."""

    vao: moderngl.VertexArray
    shadow_vao: moderngl.VertexArray
    moving: moderngl.Buffer
    parts: tuple[moderngl.Buffer, ...]
    look: Appearance
    closed_indices: int
    open_indices: int

    def release(self) -> None:
        """Free the device's memory."""
        self.vao.release()
        self.shadow_vao.release()
        for part in (self.moving, *self.parts):
            part.release()


class Renderer:
    """Draws figures into images. Not thread-safe; one per process."""

    def __init__(self) -> None:
        self._ctx = moderngl.create_context(standalone=True, backend="egl")  # type: ignore[arg-type]
        self._program = self._ctx.program(vertex_shader=VERTEX_SHADER, fragment_shader=FRAGMENT_SHADER)
        self._shadow_program = self._ctx.program(
            vertex_shader=SHADOW_VERTEX_SHADER, fragment_shader=SHADOW_FRAGMENT_SHADER
        )
        self._shadow_map = self._ctx.depth_texture((_SHADOW_PX, _SHADOW_PX))
        self._shadow_map.compare_func = "<="
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow_target = self._ctx.framebuffer(depth_attachment=self._shadow_map)
        self._print = self._ctx.texture((_PRINT_PX, _PRINT_PX), 3)
        self._targets: dict[tuple[int, int], moderngl.Framebuffer] = {}

    @property
    def device(self) -> str:
        """Name of the OpenGL renderer."""
        return str(self._ctx.info["GL_RENDERER"])

    def close(self) -> None:
        """Give up the context."""
        self._ctx.release()

    def mesh(self, figure: Figure, look: Appearance, seed: int = 0) -> Mesh:
        """Upload what does not move of a figure, colored; the seed places folds and blotches."""
        material = figure.material[:, None].astype(np.float32)
        fixed = np.concatenate([figure.canonical_m, material, vertex_paint(figure, look, seed)], axis=1)
        still = self._ctx.buffer(np.ascontiguousarray(fixed, dtype=np.float32).tobytes())
        index = self._ctx.buffer(figure.triangles.tobytes())
        moving = self._ctx.buffer(reserve=len(figure.rest_m) * 24)
        content = [
            (moving, "3f 3f", "in_position", "in_normal"),
            (still, "3f 1f 3f 3f", "in_canonical", "in_material", "in_color", "in_fold"),
        ]
        vao = self._ctx.vertex_array(self._program, content, index)
        shadow_vao = self._ctx.vertex_array(self._shadow_program, [(moving, "3f 3x4", "in_position")], index)
        return Mesh(
            vao,
            shadow_vao,
            moving,
            (still, index),
            look,
            3 * figure.closed_triangles,
            3 * (len(figure.triangles) - figure.closed_triangles),
        )

    def set_print(self, image_bgr: ImageArray) -> None:
        """Set the image (H, W, 3) uint8 BGR that clothes of the pattern "image" are printed with."""
        size = (_PRINT_PX, _PRINT_PX)
        rgb = cv2.cvtColor(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        self._print.write(np.ascontiguousarray(rgb).tobytes())

    def draw(self, mesh: Mesh, posed: PosedFigure, view: View, light: Light) -> tuple[ImageArray, Array32]:
        """RGBA (H, W, 4) uint8 with straight alpha, and depth (H, W) float32 in metres, inf where nothing is."""
        mesh.moving.write(np.concatenate([posed.vertices_m, posed.normals], axis=1).astype(np.float32).tobytes())
        self._cast_shadow(mesh, posed, light)
        self._set_uniforms(view, light, mesh.look)
        target = self._target(view.width_px, view.height_px)
        size = (0, 0, _SUPER * view.width_px, _SUPER * view.height_px)
        target.use()
        target.viewport = size
        target.clear(0.0, 0.0, 0.0, 0.0)
        self._set_projection(view)
        self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._ctx.cull_face = "front"  # row 0 is the image's top, which turns every winding
        mesh.vao.render(moderngl.TRIANGLES, vertices=mesh.closed_indices)
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        mesh.vao.render(moderngl.TRIANGLES, vertices=mesh.open_indices, first=mesh.closed_indices)
        shape = (size[3], size[2])
        color = np.frombuffer(target.read(size, components=4, alignment=1), np.uint8).reshape(*shape, 4)
        depth = target.read(size, components=1, attachment=1, dtype="f4", alignment=1)
        return _resolve(color, np.frombuffer(depth, np.float32).reshape(shape))

    def _cast_shadow(self, mesh: Mesh, posed: PosedFigure, light: Light) -> None:
        """Fill the shadow map, and set the matrix by which the shader looks up a point of the world in it."""
        clip = sun_matrix(posed.vertices_m, light.sun_dir)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        self._write(self._shadow_program, "world2sun_clip", clip.T)
        mesh.shadow_vao.render(moderngl.TRIANGLES)
        to_texture = np.diag([0.5, 0.5, 0.5, 1.0])
        to_texture[:3, 3] = 0.5
        lookup = to_texture @ clip
        lookup[2, 3] -= 0.5 * _SHADOW_BIAS_M * float(np.linalg.norm(clip[2, :3]))
        self._uniform("world2sun", lookup.T)
        self._shadow_map.use(0)
        self._print.use(1)
        for name, unit in (("shadow_map", 0), ("print_image", 1)):
            self._program[name] = unit

    def _set_projection(self, view: View) -> None:
        self._uniform("world2clip", (clip_matrix(view) @ view.world2cam).T)

    def _set_uniforms(self, view: View, light: Light, look: Appearance) -> None:
        values: dict[str, npt.NDArray[np.floating[Any]]] = {
            "color_a": look.color_a, "color_b": look.color_b, "pattern": look.pattern,
            "world2cam": view.world2cam.T,
            "cam2world": view.cam2world[:3, :3].T, "sun_dir": light.sun_dir, "sun_color": light.sun_color,
            "fill_dir": light.fill_dir, "fill_color": light.fill_color, "sky_color": light.sky_color,
            "ground_color": light.ground_color,
        }  # fmt: skip
        for name, value in values.items():
            self._uniform(name, value)

    def _uniform(self, name: str, value: npt.NDArray[np.floating[Any]]) -> None:
        self._write(self._program, name, value)

    @staticmethod
    def _write(program: moderngl.Program, name: str, value: npt.NDArray[np.floating[Any]]) -> None:
        uniform = program[name]
        if not isinstance(uniform, moderngl.Uniform):
            raise TypeError(f"{name} is not a uniform of the shader")
        uniform.write(np.ascontiguousarray(value, dtype=np.float32).tobytes())

    def _target(self, width_px: int, height_px: int) -> moderngl.Framebuffer:
        width, height = (-(-side // _TILE_PX) * _TILE_PX * _SUPER for side in (width_px, height_px))
        if (width, height) not in self._targets:
            size, ctx = (width, height), self._ctx
            colors = [ctx.renderbuffer(size, 4), ctx.renderbuffer(size, 1, dtype="f4")]
            self._targets[size] = ctx.framebuffer(colors, ctx.depth_renderbuffer(size))
        return self._targets[width, height]


def _resolve(color: ImageArray, depth: Array32) -> tuple[ImageArray, Array32]:
    """Average samples to pixels, color over the covered ones only (straight alpha); depth is the nearest sample's."""
    h, w = color.shape[0] // _SUPER, color.shape[1] // _SUPER
    rgba = cv2.resize(color, (w, h), interpolation=cv2.INTER_AREA)
    alpha = rgba[:, :, 3].ravel()
    edge = np.flatnonzero((alpha > 0) & (alpha < 255))
    share = np.rint(alpha[edge].astype(np.float32) * (_SUPER**2 / 255.0)) / _SUPER**2
    flat = rgba.reshape(-1, 4)
    flat[edge, :3] = np.minimum(np.rint(flat[edge, :3] / share[:, None]), 255)
    samples = np.where(depth > 0, depth, np.float32(np.inf))
    rows = np.minimum(samples[0::2], samples[1::2])
    return np.asarray(rgba, dtype=np.uint8), np.minimum(rows[:, 0::2], rows[:, 1::2])
