"""The floor as a plane in the camera's optical frame, and how far away what stands on it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array

HEIGHT_SIGMA_M = 0.02
TILT_SIGMA_RAD = float(np.deg2rad(0.5))
"""Of a mounting that was measured, and of what a robot's TF says of it, where nothing else is known."""


@dataclass(frozen=True, eq=False)
class GroundPlane:
    """Points X of the camera's optical frame with up · X = -height.

    Attributes
    ----------
    up_cam : ndarray
        (3,) float64, the floor's unit normal, away from the floor.
    height_m : float
        Of the camera above the floor, metres, above 0.
    height_sigma_m, tilt_sigma_rad : float
        Standard deviations of the height, and of the normal's angle about each axis.
    origin : str
        Where the plane is from: `tf`, `imu`, `parameters` or `people`.
    inverse_covariance : ndarray, optional
        (3, 3), of up / height_m, where errors of height and normal belong together as in a plane that was fitted: too
        high a floor with too steep a pitch. Counts instead of both standard deviations.
    people : int
        How many people a plane from people is of; 0 for another.
    """

    up_cam: Array
    height_m: float
    height_sigma_m: float = HEIGHT_SIGMA_M
    tilt_sigma_rad: float = TILT_SIGMA_RAD
    origin: str = "parameters"
    inverse_covariance: Array | None = None
    people: int = 0

    @classmethod
    def of_normal(
        cls,
        up_cam: npt.ArrayLike,
        height_m: float,
        *,
        height_sigma_m: float = HEIGHT_SIGMA_M,
        tilt_sigma_rad: float = TILT_SIGMA_RAD,
        origin: str = "parameters",
    ) -> GroundPlane:
        """From a normal (3,) of any length. Raises InputError for a camera that is not above a floor."""
        up = np.asarray(up_cam, dtype=np.float64)
        length = float(np.linalg.norm(up)) if up.shape == (3,) else 0.0
        if not (np.isfinite(length) and length > 0):
            raise _unusable("a normal of three finite numbers, not all 0", str(up.tolist()))
        if not (np.isfinite(height_m) and height_m > 0):
            raise _unusable("a camera above it", f"a height of {height_m} m")
        return cls(up / length, float(height_m), float(height_sigma_m), float(tilt_sigma_rad), origin)

    @classmethod
    def of_mounting(
        cls, height_m: float, pitch_deg: float = 0.0, roll_deg: float = 0.0, *, origin: str = "parameters"
    ) -> GroundPlane:
        """The floor below a camera on a mast.

        Parameters
        ----------
        height_m : float
            Of the camera above the floor.
        pitch_deg : float
            Of the viewing direction above the horizon; below 0 the camera looks down.
        roll_deg : float
            Turn about the viewing direction, clockwise seen from behind the camera.
        origin : str
            See `GroundPlane`.

        Raises
        ------
        InputError
            For a height that is not above 0, and angles that are not numbers.
        """
        pitch, roll = np.deg2rad(pitch_deg), np.deg2rad(roll_deg)
        across = np.cos(pitch)
        up = (-across * np.sin(roll), -across * np.cos(roll), np.sin(pitch))
        return cls.of_normal(up, height_m, origin=origin)

    @classmethod
    def of_floor_frame(cls, rotation: npt.ArrayLike, translation_m: npt.ArrayLike) -> GroundPlane:
        """The plane z = 0 of a floor frame.

        rotation (3, 3) and translation_m (3,) take points of that frame to the camera's: X_cam = R X + t.
        Raises InputError for a camera that is not above the floor.
        """
        up = np.asarray(rotation, dtype=np.float64)[:, 2]
        return cls.of_normal(up, -float(up @ np.asarray(translation_m, dtype=np.float64)), origin="tf")

    def heights_m(self, points_cam_m: Array) -> Array:
        """Heights (...) of points (..., 3) above the floor."""
        heights: Array = points_cam_m @ self.up_cam + self.height_m
        return heights

    def scale_onto(self, points_cam_m: Array, clearance_m: Array | float = 0.0) -> Array:
        """Factors (...) by which points (..., 3) move along their rays to lie clearance_m above the floor.

        NaN for a ray that does not meet that height before the camera.
        """
        fall = -(points_cam_m @ self.up_cam)
        with np.errstate(divide="ignore", invalid="ignore"):
            factors: Array = np.where(fall > 0, (self.height_m - clearance_m) / fall, np.nan)
        return np.where(factors > 0, factors, np.nan)

    def log_sigmas(self, points_cam_m: Array, angle_sigma_rad: Array | float) -> tuple[Array, Array]:
        """Standard deviations (...) of ln of `scale_onto`: by a point's angle in the image, and by the plane's own.

        With a the angle of the ray below the horizon, the distance is height / sin a, so an error da of that angle is
        one of da / tan a in its logarithm, which has no bound near the horizon. angle_sigma_rad: of the ray.
        """
        distance = np.linalg.norm(points_cam_m, axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            sine = np.clip(-(points_cam_m @ self.up_cam) / distance, 1e-9, 1.0)
        cotangent = np.sqrt(1.0 - sine**2) / sine
        own: Array = np.hypot(self.height_sigma_m / self.height_m, cotangent * self.tilt_sigma_rad)
        if self.inverse_covariance is not None:
            rays = points_cam_m / distance[..., None]
            spread = np.einsum("...i,ij,...j->...", rays, self.inverse_covariance, rays)
            own = np.asarray(self.height_m / sine * np.sqrt(spread))
        return np.asarray(cotangent * angle_sigma_rad), own


def _unusable(expected: str, got: str) -> InputError:
    return InputError(
        "floor", expected=expected, got=got, fix="Give the camera's height over the floor in metres, and its pitch."
    )
