#!/bin/sh
# Makes the environment in .venv that `make demo` and `make test` run in. Usage: tools/bootstrap.sh [demo|test]
# This part only finds a Python that serves; the work is done by tools/bootstrap/.
# PYTHON=/path/to/python chooses the interpreter; without it a .venv that exists keeps the one it has.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

fail() {
    printf 'set-up stopped: %s\n' "$1" >&2
    exit 1
}

[ "$(uname -s)" = Linux ] || fail "Linux is needed, this is $(uname -s). Use a machine or a container with Debian or Ubuntu."

probe='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))'
if [ -n "${ROS_DISTRO:-}" ]; then
    probe='import sys, rclpy; sys.exit(sys.version_info < (3, 10))' # that ROS's own Python, whatever its version
fi
serves() {
    "$1" -c "$probe" >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    serves "$PYTHON" || fail "PYTHON=$PYTHON does not run, is not Python 3.10, 3.11 or 3.12, or (with a ROS sourced) does not import rclpy."
    chosen=$PYTHON
else
    chosen=
    before=$(cat "$root/.venv/base-python" 2>/dev/null || true)
    for candidate in "${before:-python3}" python3 python3.12 python3.11 python3.10 /usr/bin/python3 /usr/bin/python3.12 \
        /usr/bin/python3.11 /usr/bin/python3.10; do
        if serves "$candidate"; then
            chosen=$candidate
            break
        fi
    done
    if [ -z "$chosen" ] && [ -n "${ROS_DISTRO:-}" ]; then
        fail "ROS_DISTRO is $ROS_DISTRO but no python3 here imports its rclpy. Source that ROS's setup.bash, or unset ROS_DISTRO to do without."
    fi
    [ -n "$chosen" ] || fail "no Python 3.10, 3.11 or 3.12 was found. On Debian or Ubuntu: sudo apt-get install python3 python3-venv python3-dev; or name one: make demo PYTHON=/path/to/python3.11"
fi

cd "$root/tools"
exec "$chosen" -m bootstrap "$@"
