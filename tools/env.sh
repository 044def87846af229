# Source this: `. tools/env.sh`. Puts the environment that tools/bootstrap.sh made (.venv) into this shell.
# shellcheck shell=sh
if [ -n "${BASH_SOURCE:-}" ]; then
    _pose3d_root=$(CDPATH='' cd -- "$(dirname -- "$BASH_SOURCE")/.." && pwd)
elif [ -n "${ZSH_VERSION:-}" ]; then
    _pose3d_root=$(CDPATH='' cd -- "$(dirname -- "${(%):-%x}")/.." && pwd)
else
    _pose3d_root=$(pwd)
fi
if [ -f "$_pose3d_root/.venv/env.sh" ]; then
    . "$_pose3d_root/.venv/env.sh"
else
    echo "no environment in $_pose3d_root/.venv: run 'make setup' there first" >&2
    unset _pose3d_root
    return 1
fi
unset _pose3d_root
