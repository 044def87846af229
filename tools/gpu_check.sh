#!/bin/sh
# Runs everything that wants a GPU: the tests that are skipped without one, every backend against ONNX Runtime, and a
# frame of 1 to 16 people on every backend beside the official two networks in eager PyTorch.
# Usage: tools/gpu_check.sh [--quick]
# It needs a Python with PyTorch and no network: nothing is installed, the packages are read from this checkout.
# PYTHON=/path/to/python chooses the interpreter. Results: out/gpu_check/. Without a GPU it says so and runs what a CPU can.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit 1
out=out/gpu_check
mkdir -p "$out"
python=${PYTHON:-}
if [ -z "$python" ]; then
    python=python3
    [ ! -x .venv/bin/python ] || python=.venv/bin/python
fi
export PYTHONPATH="$root/pose3d_ros:$root/pose3d_training:$root/tools:$root/benchmarks${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONUNBUFFERED=1
quick=
[ "${1:-}" != --quick ] || quick=--quick

"$python" - <<'EOF' || exit 1
import importlib.metadata
import importlib.util
import platform
import sys

needed = {"attr": "attrs", "cv2": "opencv-python-headless", "numpy": "numpy", "onnx": "onnx",
          "onnxruntime": "onnxruntime", "rich": "rich", "rosbags": "rosbags", "scipy": "scipy", "torch": "torch",
          "yaml": "PyYAML"}
wanted = {"hypothesis": "for the tests", "onnx2torch": "for the backend torch", "pytest": "for the tests",
          "tensorrt": "for the backend tensorrt"}
missing = [package for name, package in needed.items() if importlib.util.find_spec(name) is None]
print(f"Python {platform.python_version()}, {platform.platform()}")
for name in (*needed.values(), *wanted):
    try:
        print(f"  {name} {importlib.metadata.version(name)}")
    except importlib.metadata.PackageNotFoundError:
        print(f"  {name}: not installed{', wanted ' + wanted[name] if name in wanted else ''}")
if missing:
    sys.exit(f"missing, so nothing can be run: {', '.join(missing)}")
import torch

gpu = torch.cuda.is_available()
print(f"GPU: {torch.cuda.get_device_name()}, CUDA {torch.version.cuda}" if gpu
      else "GPU: none that PyTorch sees. What follows runs on the CPU and shows only that the check itself works.")
EOF
if "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then gpu=yes; else gpu=no; fi
[ "$gpu" = yes ] || quick=--quick

summary="$out/summary.txt"
printf '%-14s %s\n' check result >"$summary"
step() { # NAME COMMAND...: run it, show and keep its output, and note how it ended
    name=$1
    shift
    printf '\n== %s\n' "$name"
    began=$(date +%s)
    { "$@" 2>&1; echo $? >"$out/status"; } | tee "$out/$name.txt"
    status=$(cat "$out/status")
    took=$(($(date +%s) - began))
    printf '%-14s %s\n' "$name" "$([ "$status" = 0 ] && echo passed || echo "FAILED ($status)") in $took s$(
        sed -n 's/^\(.*[0-9] \(passed\|skipped\|failed\).*\) in .*/: \1/p' "$out/$name.txt" | tail -n 1)" >>"$summary"
}

if "$python" -c 'import hypothesis, pytest' 2>/dev/null; then
    step tests "$python" -m pytest -q --no-header -rf -p no:cacheprovider \
        pose3d_ros/test/engines/device pose3d_ros/test/engines/images pose3d_ros/test/engines/pytorch \
        pose3d_ros/test/engines/onnx_runtime pose3d_ros/test/test_pipeline_cuda.py
else
    printf '%-14s %s\n' tests "left out: pytest or hypothesis is not installed" >>"$summary"
fi
step selftest "$python" -m pose3d_ros.cli.main engines selftest --json "$out/selftest.json"
# shellcheck disable=SC2086  # no option is no argument
step performance "$python" benchmarks/performance.py --backend all $quick ${GPU_CHECK_ROUNDS:+--rounds $GPU_CHECK_ROUNDS}
[ ! -f out/bench/performance.json ] || cp out/bench/performance.json "$out/"

printf '\n== summary, GPU: %s\n' "$gpu"
cat "$summary"
! grep -q FAILED "$summary"
