"""Training of pose3d_ros engines: networks, rendered people, tasks, the training loop and checkpoint import."""
