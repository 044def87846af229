"""What `pose3d evaluate` scores: a file of predictions, the models on a recording, or the running nodes."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.bags.bag_files import is_bag
from pose3d_ros.bags.bag_reader import sample_bag
from pose3d_ros.cli.common_options import warn_of
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.recording.bag_recording import ground_truth_of
from pose3d_ros.evaluation.recording.joining import session_of_files
from pose3d_ros.evaluation.recording.offline import run_offline
from pose3d_ros.evaluation.recording.prediction import open_predictor
from pose3d_ros.evaluation.recording.recorded_frames import RecordingChoice
from pose3d_ros.evaluation.recording.recorded_truth import read_truth
from pose3d_ros.evaluation.recording.session import Session


@dataclass(frozen=True)
class EvaluationJob:
    """bag: the recording with the images. ground_truth: None for the bag's. hfov_deg: given in place of a camera."""

    bag: Path
    ground_truth: Path | None
    predictions: Path | None
    live: bool
    choice: RecordingChoice
    hfov_deg: float | None

    @classmethod
    def of(cls, args: argparse.Namespace, choice: RecordingChoice) -> EvaluationJob:
        """What the options ask for. Raises ConfigError for options that exclude or need each other."""
        if args.live and args.predictions:
            fix = "Leave one out: --live makes the predictions."
            raise ConfigError("--live", expected="no predictions", got=str(args.predictions), fix=fix)
        if args.ground_truth and not (args.predictions or args.bag):
            fix = "Name the predictions, or the recording to run the models on (--bag)."
            raise ConfigError("--ground-truth", expected="predictions, or --bag", got="neither", fix=fix)
        truth = args.ground_truth or (
            _own_truth(args.predictions, choice) if args.predictions and not args.bag else None
        )
        bag = args.bag or truth or sample_bag()
        if args.report and not is_bag(bag):
            fix = f"Name the recording of {bag} with --bag."
            raise ConfigError("--report", expected="a recording with images", got=str(bag), fix=fix)
        return cls(bag, truth, args.predictions, args.live, choice, args.hfov)

    def session(self, config: PipelineConfig, parameters: Mapping[str, object]) -> Session:
        """Make the predictions, where they are not given, and join them with the ground truth.

        parameters: of the nodes, for a live run. Raises our errors.
        """
        if self.predictions is not None:
            return session_of_files(self.predictions, self.ground_truth or self.bag, self.choice)
        return self._live_session(parameters) if self.live else self._offline_session(config)

    def _offline_session(self, config: PipelineConfig) -> Session:
        truth = None if self.ground_truth is None else read_truth(self.ground_truth).people
        with open_predictor(config) as predictor, ProgressBar("evaluating") as bar:
            warn_of(predictor.pipeline.engine_problems)
            return run_offline(self.bag, predictor, bar, config.scene, self.choice, truth, config.detector)

    def _live_session(self, parameters: Mapping[str, object]) -> Session:
        from pose3d_ros.cli.live_graph import Playback, record, require_ros

        require_ros()
        play = Playback.of(self.bag, 1.0, self.choice, self.hfov_deg)
        with tempfile.TemporaryDirectory(prefix="pose3d-") as folder:
            results = Path(folder) / "people.mcap"
            record(play, results, parameters)
            return session_of_files(results, self.ground_truth or self.bag, self.choice)


def _own_truth(predictions: Path, choice: RecordingChoice) -> Path | None:
    """Predictions that were recorded together with ground truth."""
    if not is_bag(predictions):
        return None
    return predictions if ground_truth_of(predictions, image_topic=choice.image_topic) else None
