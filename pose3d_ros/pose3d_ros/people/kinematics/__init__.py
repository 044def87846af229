"""The kinematic model of a human body of REP 155: bone lengths, joint angles, URDF, points in the image."""
