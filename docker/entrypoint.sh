#!/bin/bash
# Runs a command with ROS and this package sourced.
set -e
source "/opt/ros/${ROS_DISTRO:?is not set: the image is not one of docker/Dockerfile}/setup.bash"
source /opt/pose3d/install/setup.bash
exec "$@"
