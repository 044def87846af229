"""Skeletons on the image and from above, their colors, and video."""
