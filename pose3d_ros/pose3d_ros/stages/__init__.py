"""The stages: detect, pose, track, smooth.

Each takes and returns records; none calls another (pipeline.py orders them).
"""
