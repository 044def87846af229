"""Absolute 3D skeletons, in metres, of every person that one calibrated camera sees."""

__version__ = "0.1.0"
