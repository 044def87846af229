"""Torch networks and their export to ONNX.

Images are (N, 3, H, W) float32, already normalized; pixel coordinates follow `pose3d_ros.geometry`: integers are pixel
centers, so cell i of a map with stride s is centered at s·(i + 0.5) − 0.5.
"""
