"""The stages: detect, pose, track, smooth.

Each takes and gives records; none calls another (pipeline.py orders them).
"""
