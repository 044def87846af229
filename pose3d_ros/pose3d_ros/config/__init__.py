"""Settings, the ROS parameters that come from them, and where the package's files are installed."""
