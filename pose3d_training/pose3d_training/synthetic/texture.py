"""Colors and patterns of a person, found from coordinates of the neutral body, per vertex or in the shader."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from pose3d_training.synthetic import Array32
from pose3d_training.synthetic.figure import Figure, Material

PATTERNS = ("plain", "stripes", "pinstripes", "checks", "blotches", "dots", "print", "gradient", "image")
_REPEATS = {
    "plain": (1, 1), "stripes": (6, 40), "pinstripes": (15, 60), "checks": (5, 30), "blotches": (6, 40),
    "dots": (10, 40), "print": (8, 30), "gradient": (1, 3), "image": (0.8, 6),
}  # fmt: skip
"""Repeats per metre, from and to."""
_MATERIALS = 8
_PRINTED_SHARE = 0.3
"""Share of clothes with a part of an image, where there are images: no formula is as varied as photographs are."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """Tables indexed by Material, for the shader, colors linear RGB in 0–1.

    color_a, color_b (8, 4): the two colors of the pattern, the fourth value being gloss and the strength of folds.
    pattern (8, 4): kind (index of PATTERNS), repeats per metre, tilt in radians, random offset. iris, lips (3,).
    """

    color_a: Array32
    color_b: Array32
    pattern: Array32
    iris: Array32
    lips: Array32
    beard: float

    @staticmethod
    def random(seed: int, gender: float, age: float, printed: bool = False) -> Appearance:
        """Colors of a person; skin from pale to dark, hair graying with age (0–1, MakeHuman's scale).

        printed: some clothes show the image that the renderer prints with.
        """
        rng = np.random.default_rng([seed, 3])
        a, b, pattern = (np.zeros((_MATERIALS, 4), dtype=np.float32) for _ in range(3))
        skin = _skin(rng)
        hair = _hair(rng, age)
        a[Material.SKIN], b[Material.SKIN] = (*skin, 0.15), (*hair, 0.0)
        a[Material.EYES] = (0.75, 0.73, 0.7, 0.3)
        a[Material.HAIR], b[Material.HAIR] = (*hair, 0.3), (*(hair * 0.5), 0.5)
        pattern[Material.HAIR] = (2, 180, 0.0, rng.random())
        for material in (Material.UPPER, Material.LOWER, Material.SHOES, Material.HAT, Material.THING):
            a[material] = (*_fabric(rng, material), rng.uniform(0.0, 0.3))
            b[material] = (*_fabric(rng, material), rng.uniform(0.2, 1.0))
            pattern[material] = _pattern(rng, material, printed)
        beard = float(rng.uniform(0.3, 0.95)) if gender > 0.5 and age > 0.45 and rng.random() < 0.3 else 0.0
        hue = float(rng.choice([0.07, 0.1, 0.3, 0.58]))
        iris = np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.3, 0.8), rng.uniform(0.05, 0.4)))
        return Appearance(a, b, pattern, iris.astype(np.float32), _lips(rng, skin, gender), beard)


def _skin(rng: np.random.Generator) -> Array32:
    pale, dark = np.array([0.72, 0.46, 0.36]), np.array([0.075, 0.037, 0.022])
    tone = rng.beta(0.8, 1.4)
    color = pale ** (1 - tone) * dark**tone * rng.normal(1.0, [0.05, 0.06, 0.1])
    return np.asarray(np.clip(color, 0.01, 0.9), dtype=np.float32)


def _lips(rng: np.random.Generator, skin: Array32, gender: float) -> Array32:
    tint = np.array([0.9, 0.5, 0.5]) if gender > 0.5 or rng.random() < 0.5 else np.array([0.9, 0.25, 0.3])
    return np.asarray(skin * tint, dtype=np.float32)


_HAIR_COLORS = np.array(
    [[0.008, 0.007, 0.006], [0.035, 0.018, 0.01], [0.11, 0.055, 0.025], [0.42, 0.27, 0.11], [0.25, 0.06, 0.02]]
)


def _hair(rng: np.random.Generator, age: float) -> Array32:
    color = _HAIR_COLORS[rng.choice(5, p=[0.4, 0.25, 0.17, 0.13, 0.05])] * rng.uniform(0.7, 1.4)
    gray = np.clip((age - 0.6) * 2.5 + rng.normal(0, 0.2), 0, 1) if age > 0.55 else 0.0
    if rng.random() < 0.03:
        color, gray = np.array(colorsys.hsv_to_rgb(rng.random(), 0.8, 0.4)), 0.0
    return np.asarray(color * (1 - gray) + gray * rng.uniform(0.3, 0.7), dtype=np.float32)


def _fabric(rng: np.random.Generator, material: Material) -> Array32:
    """Linear color of a cloth: muted and dark ones are common, as in streets and offices; vivid ones occur."""
    kind = rng.random()
    dull = {Material.UPPER: 0.4, Material.LOWER: 0.55}.get(material, 0.6)
    if kind < dull:
        value = rng.choice([0.012, 0.03, 0.1, 0.35, 0.75]) * rng.uniform(0.7, 1.2)
        color = value * rng.normal(1.0, 0.05, 3)
    elif kind < dull + 0.2 and material is Material.LOWER:
        color = np.array([0.03, 0.06, 0.15]) * rng.uniform(0.5, 2.5)
    else:
        hsv = (rng.random(), rng.uniform(0.2, 0.95), rng.uniform(0.05, 0.8))
        color = np.array(colorsys.hsv_to_rgb(*hsv)) ** 1.5
    return np.asarray(np.clip(color, 0.004, 0.85), dtype=np.float32)


def _pattern(rng: np.random.Generator, material: Material, printed: bool) -> Array32:
    plain = {Material.UPPER: 0.4, Material.LOWER: 0.7}.get(material, 0.7)
    kind = 0 if rng.random() < plain else int(rng.integers(1, len(PATTERNS) - 1))
    if printed and rng.random() < _PRINTED_SHARE:
        kind = PATTERNS.index("image")
    if material is not Material.UPPER and PATTERNS[kind] == "print":
        kind = 0
    low, high = _REPEATS[PATTERNS[kind]]
    repeats = rng.uniform(low, high)
    tilt = rng.choice([0.0, 0.0, np.pi / 2, np.pi / 4]) if kind in (1, 3) else 0.0
    return np.array([kind, repeats, tilt, rng.uniform(0, 50)], dtype=np.float32)


def vertex_paint(figure: Figure, look: Appearance, seed: int) -> Array32:
    """Per vertex (V, 6): color (skin and eyes) or tint (cloth), and the bend of the normal by folds of the cloth."""
    p, material = figure.canonical_m, figure.material
    rng = np.random.default_rng([seed, 4])
    soft = 1.0 + 0.09 * _waves(p, rng, 14.0) + rng.normal(0.0, 0.02, len(p))
    paint = np.repeat(soft[:, None], 6, axis=1).astype(np.float32)
    strength = look.color_b[material, 3] * (material != Material.SKIN) * (material != Material.EYES)
    for k in range(3):
        paint[:, 3 + k] = 0.32 * strength * _waves(p * np.array([1.2, 0.8, 1.2], np.float32), rng, 24.0)
    skin = material == Material.SKIN
    paint[skin, :3] *= look.color_a[Material.SKIN, :3]
    face = np.flatnonzero(skin & (p[:, 1] > 0.58))
    paint[face, :3] = _face(paint[face, :3], p[face], look)
    eyes = np.flatnonzero(material == Material.EYES)
    paint[eyes, :3] = _eyes(p[eyes], look)
    return paint


def _waves(p: Array32, rng: np.random.Generator, frequency: float) -> Array32:
    """Smooth noise (N,) of about unit variance: a sum of sines in random directions."""
    axes = rng.normal(0.0, frequency, (3, 4)).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, 4).astype(np.float32)
    return np.asarray(np.sin(p @ axes + phase).sum(axis=1) * np.float32(0.7))


def _ellipse(p: Array32, center: tuple[float, float], radius: tuple[float, float]) -> Array32:
    """Distance (N,) from a center mirrored to both sides of the face, 1 on the ellipse; p (N, 3) metres."""
    return np.asarray(np.hypot((np.abs(p[:, 0]) - center[0]) / radius[0], (p[:, 1] - center[1]) / radius[1]))


def _fade(distance: Array32, inner: float, outer: float) -> Array32:
    """1 inside, 0 outside, (N, 1)."""
    return np.asarray(np.clip((outer - distance) / (outer - inner), 0.0, 1.0)[:, None], dtype=np.float32)


def _face(color: Array32, p: Array32, look: Appearance) -> Array32:
    """Brows, lips, nostrils, eye sockets and beard on the skin (N, 3) around the base mesh's face."""
    hair = look.color_b[Material.SKIN, :3]
    front = (p[:, 2:3] > 0.085).astype(np.float32)
    mouth = _ellipse(p, (0.0, 0.6555), (0.026, 0.0105))
    chin = np.clip((0.675 - p[:, 1] - 0.25 * np.maximum(0.0, 0.11 - p[:, 2])) / 0.015, 0, 1) * (p[:, 2] > 0.02)
    color = _mix(color, hair, look.beard * chin[:, None] * (mouth > 1.15)[:, None])
    color = color * (1 - 0.35 * front * _fade(_ellipse(p, (0.031, 0.7285), (0.021, 0.011)), 0.6, 1.0))
    arch = p.copy()
    arch[:, 1] += np.float32(6.0) * (np.abs(p[:, 0]) - np.float32(0.03)) ** 2
    color = _mix(color, hair, 0.85 * front * _fade(_ellipse(arch, (0.033, 0.757), (0.021, 0.0055)), 0.6, 1.2))
    color = _mix(color, look.lips, front * _fade(mouth, 0.8, 1.05))
    color = color * (1 - 0.5 * front * _fade(_ellipse(p, (0.0, 0.6555), (0.026, 0.0018)), 0.3, 1.0))
    return np.asarray(color * (1 - 0.5 * front * _fade(_ellipse(p, (0.009, 0.681), (0.005, 0.0035)), 0.5, 1.0)))


def _eyes(p: Array32, look: Appearance) -> Array32:
    distance = _ellipse(p, (0.0308, 0.7284), (0.0075, 0.0075))
    color = _mix(np.broadcast_to(look.color_a[Material.EYES, :3], p.shape), look.iris, _fade(distance, 0.9, 1.1))
    return np.asarray(color * (1 - 0.97 * _fade(distance, 0.3, 0.5)))


def _mix(a: Array32, b: Array32, share: Array32) -> Array32:
    return np.asarray(a + (b - a) * share, dtype=np.float32)


VERTEX_SHADER = """
#version 330
uniform mat4 world2clip;
uniform mat4 world2cam;
in vec3 in_position;
in vec3 in_normal;
in vec3 in_canonical;
in float in_material;
in vec3 in_color;
in vec3 in_fold;
out vec3 v_world;
out vec3 v_cam;
out vec3 v_normal;
out vec3 v_canonical;
out vec3 v_color;
out float v_material;
void main() {
    vec4 world = vec4(in_position, 1.0);
    v_world = in_position;
    v_cam = (world2cam * world).xyz;
    v_normal = normalize(in_normal) + in_fold;
    v_canonical = in_canonical;
    v_color = in_color;
    v_material = in_material;  // interpolated: a suit's upper and lower part meet in a smooth line
    gl_Position = world2clip * world;
}
"""

# llvmpipe runs both sides of every branch, so what varies slowly is a vertex attribute (`vertex_paint`) and the
# patterns are short formulas.
FRAGMENT_SHADER = """
#version 330
uniform vec4 color_a[8];
uniform vec4 color_b[8];
uniform vec4 pattern[8];
uniform mat3 cam2world;
uniform vec3 sun_dir;      // world, towards the light
uniform vec3 sun_color;
uniform vec3 fill_dir;
uniform vec3 fill_color;
uniform vec3 sky_color;
uniform vec3 ground_color;
uniform mat4 world2sun;     // world to the shadow map's texture coordinates and depth
uniform sampler2DShadow shadow_map;
uniform sampler2D print_image;
in vec3 v_world;
in vec3 v_cam;
in vec3 v_normal;
in vec3 v_canonical;
in vec3 v_color;
in float v_material;
layout(location = 0) out vec4 out_color;
layout(location = 1) out float out_depth;

float cloth(vec4 pat, vec3 p) {
    float kind = pat.x, c = cos(pat.z), s = sin(pat.z);
    vec2 uv = vec2(p.x * c + p.y * s, p.y * c - p.x * s) * pat.y + pat.w;
    vec2 cell = fract(uv);
    vec2 wave = sin(uv.xy * 2.1 + 1.7 * sin(uv.yx * 1.3 + 4.0 * p.z * pat.y));
    float blotch = step(0.25, wave.x * wave.y);
    float value = 0.0;
    value = kind == 1.0 ? step(0.5, cell.y) : value;
    value = kind == 2.0 ? step(0.8, cell.x) : value;
    value = kind == 3.0 ? 0.5 * (step(0.5, cell.x) + step(0.5, cell.y)) : value;
    value = kind == 4.0 ? blotch : value;
    value = kind == 5.0 ? step(dot(cell - 0.5, cell - 0.5), 0.09) : value;
    value = kind == 6.0 ? blotch * step(abs(p.x), 0.11) * step(abs(p.y - 0.33), 0.12) * step(0.0, p.z) : value;
    value = kind == 7.0 ? cell.y : value;
    return value;
}

void main() {
    int material = int(v_material + 0.5);
    vec4 a = color_a[material], b = color_b[material];
    vec3 dyed = mix(a.rgb, b.rgb, cloth(pattern[material], v_canonical));
    vec3 seen = texture(print_image, v_canonical.xy * pattern[material].y + pattern[material].w).rgb;
    dyed = pattern[material].x == 8.0 ? seen * seen : dyed;
    vec3 color = v_color * ((material == 0 || material == 5) ? vec3(1.0) : dyed);
    vec3 n = normalize(v_normal), view = cam2world * (v_cam * -inversesqrt(dot(v_cam, v_cam)));
    n = dot(n, view) < 0.0 ? -n : n;
    vec3 light = mix(ground_color, sky_color, 0.5 + 0.5 * n.y);
    vec3 in_sun = (world2sun * vec4(v_world, 1.0)).xyz;
    float lit = texture(shadow_map, in_sun);
    light += sun_color * lit * max(0.0, dot(n, sun_dir) * 0.9 + 0.1) + fill_color * max(0.0, dot(n, fill_dir));
    float gleam = max(0.0, dot(n, normalize(view + sun_dir)));
    gleam *= gleam; gleam *= gleam; gleam *= gleam; gleam *= gleam;
    vec3 shaded = color * light + a.a * 0.25 * gleam * lit * sun_color;
    out_color = vec4(sqrt(clamp(shaded, 0.0, 1.0)), 1.0);  // gamma 2
    out_depth = v_cam.z;
}
"""

SHADOW_VERTEX_SHADER = """
#version 330
uniform mat4 world2sun_clip;
in vec3 in_position;
void main() {
    gl_Position = world2sun_clip * vec4(in_position, 1.0);
}
"""

SHADOW_FRAGMENT_SHADER = """
#version 330
void main() {
}
"""
