#!/bin/sh
# mypy, strict. The annotations are checked against the pinned packages; a sourced ROS brings other versions of some.
set -eu
cd "$(dirname -- "$0")/.."
if [ -n "${ROS_DISTRO:-}" ]; then
    echo "mypy: not run with a ROS sourced, its numpy and OpenCV are not the pinned ones"
    exit 0
fi
set -- pose3d_ros pose3d_training tools conftest.py
[ -z "$(find benchmarks -name '*.py' 2>/dev/null)" ] || set -- "$@" benchmarks
exec mypy "$@"
