"""Import of the lifters of Véges and Lőrincz 2019 (github.com/vegesm/depthpose), with their statistics.

The full model's weights are a lifter whose joints are absolute, behind a depth network, which is not imported: the
depths at the joints that the lifter reads besides are the training's mean. The baseline's joints are relative to the
root.
"""

from __future__ import annotations

import io
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pose3d_ros.engines.spec.engine_folder import EngineFolder
from pose3d_ros.errors import EngineError
from pose3d_ros.reading.files import Origin, read_bytes
from pose3d_ros.stages.lift_sources import check_sources
from pose3d_training.importing.checkpoint_import import (
    DEPTHPOSE,
    Imported,
    ImportOptions,
    OfficialWeights,
    official_entry,
    read_official,
)
from pose3d_training.nets.checkpoint_file import loaded
from pose3d_training.nets.depthpose_net import JOINTS_IN, JOINTS_OUT, DepthposeNet, Statistics
from pose3d_training.nets.exported_graphs import export_absolute_lifter

STATISTICS_NAME = "normali?ation.pkl"
"""Beside the authors' checkpoints, in either spelling."""
_ABSOLUTE, _RELATIVE = 3 * JOINTS_OUT, 3 * (JOINTS_OUT - 1)
_PLAIN, _WITH_DEPTHS = 3 * JOINTS_IN, 4 * JOINTS_IN
_MOST_BYTES = 1 << 20
_NUMPY = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")


def import_depthpose(checkpoint: Path, directory: Path, options: ImportOptions) -> Imported:
    """The full model's lifter, decoder `lifter_absolute`, or the baseline's, `lifter_frame`; see `Importer`."""
    folder, weights = EngineFolder(directory), read_official(DEPTHPOSE, checkpoint)
    weights = OfficialWeights(weights.kind, weights.source, {f"net.{key}": v for key, v in weights.state.items()})
    channels, values_in = weights.shape("net.0.weight", 2)
    blocks = sum(key.endswith(".residual.0.weight") for key in weights.state)
    values_out = weights.shape(f"net.{blocks + 1}.weight", 2)[0]
    if values_in not in (_PLAIN, _WITH_DEPTHS) or values_out not in (_ABSOLUTE, _RELATIVE):
        raise EngineError(
            f"checkpoint {checkpoint}",
            expected=f"{_PLAIN} or {_WITH_DEPTHS} values in, {_ABSOLUTE} or {_RELATIVE} out",
            got=f"{values_in} in, {values_out} out",
            fix="Give model_weights.pkl or model_params.h5 of github.com/vegesm/depthpose.",
        )
    absolute = values_out == _ABSOLUTE
    beside = next(iter(checkpoint.parent.glob(STATISTICS_NAME)), checkpoint.with_name("normalization.pkl"))
    statistics = read_statistics(options.statistics or beside, values_in, values_out)
    make = partial(DepthposeNet, values_in, statistics, absolute=absolute, channels=channels, blocks=blocks)
    net = loaded(make, weights.state, checkpoint)
    entry = official_entry(
        weights,
        f"{DEPTHPOSE}-{'absolute' if absolute else 'relative'}",
        "lifter",
        folder.directory,
        options,
        decoder="lifter_absolute" if absolute else "lifter_frame",
        skeleton="mupots17",
        units="metres, from the camera" if absolute else "metres, relative to the root",
        parameters={"input_skeleton": "common14", "input_features": 3, "receptive_field": 1, "input": "hip"},
    )
    check_sources(entry, folder.manifest)
    depths = ", depths at the joints at their mean" if values_in == _WITH_DEPTHS else ""
    about = f"{blocks} residual blocks of {channels} channels, {'absolute' if absolute else 'relative'} joints{depths}"
    return Imported(about, folder.put(entry, partial(export_absolute_lifter, net)))


def read_statistics(path: Path, values_in: int, values_out: int) -> Statistics:
    """Means and deviations of a lifter with so many values, from a pickle of arrays, of Python 2 or 3.

    Nothing but NumPy's arrays is made. Raises EngineError for a file that is missing, holds anything else, or does not
    fit.
    """
    origin = Origin(EngineError, f"statistics {path}", "Give the authors' file of means and deviations (--statistics).")
    data = read_bytes(path, origin, most_bytes=_MOST_BYTES)
    expected = f"mean2d and std2d of {values_in} values, mean3d and std3d of {values_out}, finite, no deviation 0"
    try:
        content: Any = _ArraysOnly(io.BytesIO(data), encoding="latin1").load()
        found = {name: np.asarray(content[name], np.float32) for name in ("mean2d", "std2d", "mean3d", "std3d")}
    except Exception as error:  # whatever the bytes lead the unpickler to
        raise origin.error(expected, "a damaged file, or other objects") from error
    sizes = {"mean2d": values_in, "std2d": values_in, "mean3d": values_out, "std3d": values_out}
    if any(
        v.shape != (sizes[k],) or not np.isfinite(v).all() or (k[0] == "s" and not v.all()) for k, v in found.items()
    ):
        raise origin.error(expected, ", ".join(f"{name} {value.shape}" for name, value in found.items()))
    return Statistics(**{name: torch.from_numpy(value.copy()) for name, value in found.items()})


class _ArraysOnly(pickle.Unpickler):
    """Makes plain values and NumPy's arrays, and names nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """See `pickle.Unpickler`."""
        if module in _MODULES and name in _NUMPY:
            return _NUMPY[name]
        if (module, name) == ("_codecs", "encode"):  # Python 3's bytes in the protocols of Python 2
            return _latin1
        raise pickle.UnpicklingError(f"{module}.{name} is no array")


def _latin1(text: str, codec: str) -> bytes:
    if codec != "latin1":
        raise pickle.UnpicklingError(f"bytes in {codec}")
    return text.encode("latin1")
