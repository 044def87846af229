"""Labels from several views: relative poses of cameras from the people that they see, and those people in 3D.

Keypoints are on the plane z = 1 of each camera's optical frame, undistorted; times are seconds of one clock.
"""
