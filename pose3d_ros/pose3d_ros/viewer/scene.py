"""The 3D part of the page: floor, camera and people, each of a few nodes that are updated in place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import viser

from pose3d_ros.drawing.marker_lines import BONE_M
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.types import Array
from pose3d_ros.viewer.line_colors import line_colors
from pose3d_ros.viewer.shown_floor import ShownFloor
from pose3d_ros.viewer.shown_frame import ShownFrame
from pose3d_ros.viewer.skeleton_lines import BACKGROUND, SceneLabel, Trails, skeleton_lines
from pose3d_ros.viewer.world import AHEAD2WORLD, FloorSize, cam2world, frustum_lines_m, sight_lines_m

_GRID_RGB, _CAMERA_RGB, _SIGHT_RGB = (62, 74, 92), (235, 240, 248), (110, 124, 144)
_TRAIL_M, _POINT_M = 0.025, 0.042
_FOV_RAD = float(np.deg2rad(50.0))
_UNSEEN_M = -1e4
"""Height of what a node has room for and does not show: beyond what is drawn."""
_LEAST_ROOM = 64


class Scene:
    """Follows the frames that `show` gets.

    floor: how it is known where the floor is; replace it before the first frame.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        self._server, self.floor = server, ShownFloor()
        self._trails = Trails()
        self._size: FloorSize | None = None
        self._camera: Camera | None = None
        self._plane: GroundPlane | None = None
        self._stamp_ns, self._z_up_frame = 0, ""
        self._labels: list[viser.LabelHandle] = []
        self._marks: list[viser.LabelHandle] = []
        scene = server.scene
        scene.set_up_direction("+z")
        scene.set_background_image(np.full((4, 4, 3), BACKGROUND, dtype=np.uint8))
        scene.configure_default_lights(cast_shadow=False)
        self._bones = _Lines(server, "/people/bones", BONE_M)
        self._paths = _Lines(server, "/people/paths", _TRAIL_M)
        self._grid = _Lines(server, "/floor/grid", 1.0, in_pixels=True)
        self._sight = _Lines(server, "/camera/sight", 1.5, in_pixels=True)
        self._frustum = _Lines(server, "/camera/frustum", 2.0, in_pixels=True)
        self._joints = _Points(server, "/people/joints", _POINT_M)

    @property
    def floor_words(self) -> str:
        """What the floor is from, and how the camera stands on it."""
        if self._z_up_frame:
            return f"z = 0 of {self._z_up_frame}"
        up, height_m = self.floor.plane.up_cam, self.floor.plane.height_m
        pitch_deg = float(np.rad2deg(np.arcsin(np.clip(up[2], -1.0, 1.0))))
        return f"{self.floor.origin}; camera {height_m:.2f} m above it, pitch {pitch_deg:+.0f}°"

    def expect(self, points_m: Array) -> None:
        """Make the floor large enough for places (N, 3) in the world, and look at all of it from the start."""
        size = FloorSize.holding(points_m)
        size = size if self._size is None else size.joined(self._size)
        if size != self._size:
            self._size = size
            self._draw_floor(size)
            self._look_at(size)
            self._camera = None

    def show(self, frame: ShownFrame) -> None:
        """Draw a frame."""
        self._z_up_frame = frame.z_up_frame
        if not frame.z_up_frame:
            self.floor.follow(frame)
        to_world = AHEAD2WORLD if frame.z_up_frame else cam2world(self.floor.plane)
        if not 0 <= frame.stamp_ns - self._stamp_ns < 1_000_000_000 or self.floor.plane is not self._plane:
            self._trails.clear()
        self._stamp_ns = frame.stamp_ns
        drawn = skeleton_lines(frame.people, to_world)
        self._trails.add(frame.stamp_ns, frame.people, to_world)
        if self._size is None or len(drawn.joints_m):
            self.expect(drawn.joints_m)
        self._bones.draw(drawn.bones_m, drawn.bone_colors)
        self._joints.draw(drawn.joints_m, drawn.joint_colors)
        self._paths.draw(*self._trails.lines())
        self._write(drawn.labels)
        self._draw_camera(frame.camera, to_world)

    def _draw_camera(self, camera: Camera | None, to_world: RigidTransform) -> None:
        if camera is None or self._size is None or (camera is self._camera and self.floor.plane is self._plane):
            return
        self._camera, self._plane = camera, self.floor.plane
        self._frustum.draw_in(frustum_lines_m(camera, to_world), _CAMERA_RGB)
        pole = np.array([[[0.0, 0.0, 0.0], to_world.translation_m]])
        self._sight.draw_in(np.concatenate([sight_lines_m(camera, to_world, self._size), pole]), _SIGHT_RGB)

    def _draw_floor(self, size: FloorSize) -> None:
        self._grid.draw_in(size.grid_lines_m(), _GRID_RGB)
        marks = size.marks_m()
        for handle in self._marks[len(marks) :]:
            handle.remove()
        self._marks = self._marks[: len(marks)]
        for at, (distance_m, place_m) in enumerate(marks):
            if at == len(self._marks):
                options = {"font_size_mode": "screen", "font_screen_scale": 0.8, "anchor": "center-right"}
                self._marks.append(self._server.scene.add_label(f"/floor/mark_{at}", "", **options))  # type: ignore[arg-type]
            self._marks[at].text = f"{distance_m} m"
            self._marks[at].position = place_m

    def _look_at(self, size: FloorSize) -> None:
        eye_m, target_m = size.start_view_m()
        self._server.initial_camera.position = eye_m
        self._server.initial_camera.look_at = target_m
        self._server.initial_camera.fov = _FOV_RAD
        for client in self._server.get_clients().values():
            client.camera.position, client.camera.look_at = eye_m, target_m

    def _write(self, labels: tuple[SceneLabel, ...]) -> None:
        while len(self._labels) < len(labels):
            name = f"/people/label_{len(self._labels)}"
            made = self._server.scene.add_label(name, "", anchor="bottom-center", font_screen_scale=0.9)
            self._labels.append(made)
        for at, handle in enumerate(self._labels):
            handle.visible = at < len(labels)
            if at < len(labels):
                handle.text, handle.position = labels[at].text, labels[at].position_m


def _room(count: int, have: int) -> int:
    """Of a node: doubled as it is needed, so that browsers seldom make a new buffer."""
    room = max(have, _LEAST_ROOM)
    while room < count:
        room *= 2
    return room


class _Lines:
    """Segments in one node of the scene."""

    def __init__(self, server: viser.ViserServer, name: str, thickness: float, *, in_pixels: bool = False) -> None:
        unseen = np.full((_LEAST_ROOM, 2, 3), _UNSEEN_M)
        self._handle = server.scene.add_line_segments(
            name,
            unseen,
            np.zeros(unseen.shape, dtype=np.uint8),
            thickness=thickness,
            thickness_units="screen" if in_pixels else "world",
        )

    def draw(self, segments_m: Array, colors: npt.NDArray[np.uint8]) -> None:
        """Segments (N, 2, 3) with their colors (N, 2, 3)."""
        finite = np.isfinite(segments_m).all(axis=(1, 2))
        room = _room(len(segments_m), len(self._handle.points))
        points = np.full((room, 2, 3), _UNSEEN_M, dtype=np.float32)
        shades = np.zeros((room, 2, 3), dtype=np.uint8)
        points[: finite.sum()], shades[: finite.sum()] = segments_m[finite], line_colors(colors[finite])
        self._handle.points, self._handle.colors = points, shades

    def draw_in(self, segments_m: Array, color: tuple[int, int, int]) -> None:
        """The same in one color."""
        self.draw(segments_m, np.broadcast_to(np.array(color, dtype=np.uint8), segments_m.shape))


class _Points:
    """Points in one node of the scene."""

    def __init__(self, server: viser.ViserServer, name: str, size_m: float) -> None:
        unseen = np.full((_LEAST_ROOM, 3), _UNSEEN_M)
        colors = np.zeros(unseen.shape, dtype=np.uint8)
        self._handle = server.scene.add_point_cloud(
            name, unseen, colors, point_size=size_m, point_shape="circle", precision="float32"
        )

    def draw(self, points_m: Array, colors: npt.NDArray[np.uint8]) -> None:
        """Points (N, 3) with their colors (N, 3)."""
        room = _room(len(points_m), len(self._handle.points))
        points = np.full((room, 3), _UNSEEN_M, dtype=np.float32)
        shades = np.zeros((room, 3), dtype=np.uint8)
        points[: len(points_m)], shades[: len(points_m)] = points_m, colors
        self._handle.points, self._handle.colors = points, shades
