"""The released files give what LiteRT, TFLite's own runtime, gives; pip gets both into a throw-away environment."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from pose3d_ros.engines.mediapipe.model_sources import download_wheel, files_in
from pose3d_ros.engines.mediapipe.released_files import graph_spec
from pose3d_ros.engines.tflite.tflite_conversion import onnx_of_tflite
from pose3d_ros.errors import EngineError

_REQUIREMENT = "ai-edge-litert==2.3.0"
_LITERT = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter

model, images, results = sys.argv[1:]
interpreter = Interpreter(model)
interpreter.allocate_tensors()
(given,) = interpreter.get_input_details()
found = {}
for image in np.load(images):
    interpreter.set_tensor(given["index"], image[None])
    interpreter.invoke()
    for output in interpreter.get_output_details():
        found.setdefault(output["name"], []).append(interpreter.get_tensor(output["index"])[0].copy())
np.savez(results, **{name: np.stack(values) for name, values in found.items()})
"""


@pytest.mark.slow
def test_released_models_equal_litert(tmp_path: Path) -> None:
    try:
        files = files_in(download_wheel(tmp_path))
    except EngineError as error:
        pytest.skip(str(error))
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "-q", _REQUIREMENT, "numpy"], capture_output=True, text=True, check=False
    )
    if installed.returncode:
        pytest.skip(f"pip gives no {_REQUIREMENT} on {sys.platform}: {installed.stderr[-300:]}")
    for kind, file in files.items():
        spec, model = graph_spec(kind), tmp_path / f"{kind}.tflite"
        model.write_bytes(file.content)
        cells = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
        images = cells.repeat(spec.image_px // 32, 1).repeat(spec.image_px // 32, 2)
        np.save(tmp_path / "images.npy", images)
        paths = map(str, (model, tmp_path / "images.npy", tmp_path / "results.npz"))
        subprocess.run([str(python), "-c", _LITERT, *paths], check=True, capture_output=True)
        wanted = np.load(tmp_path / "results.npz")
        graph = onnx_of_tflite(file.content, kind, ["image"], {old: new for old, (new, _) in spec.outputs.items()})
        session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        for old, (new, _) in spec.outputs.items():
            (found,) = session.run([new], {"image": np.ascontiguousarray(images.transpose(0, 3, 1, 2))})
            values = wanted[old].transpose(0, 3, 1, 2) if found.ndim == 4 else wanted[old]
            # Scores of these images may all be near 0; their range is 1.
            largest = np.abs(found - values).max() / (1.0 if new == "person" else np.ptp(values))
            assert largest <= 1e-4, (kind, new, largest)
