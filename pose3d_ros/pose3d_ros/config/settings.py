"""The system's settings: frozen, validated groups, and the table of ROS parameters made from them.

YAML → ROS parameters → `PipelineConfig.from_parameters` / `NodeConfig.from_parameters` → constructors.
`PARAMETERS` is the one table behind the ROS descriptors, the documentation and config/pose3d.yaml, which
`python -m pose3d_ros.config.settings > config/pose3d.yaml` writes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from pose3d_ros.config.fusion_settings import FusionConfig
from pose3d_ros.config.input_settings import InputConfig
from pose3d_ros.config.output_settings import OutputConfig
from pose3d_ros.config.parameter_presets import OF_PRESETS, preset_values
from pose3d_ros.config.parameter_table import Parameter, Settings, name_errors, setting, yaml_section
from pose3d_ros.config.root_settings import RootConfig, SceneConfig

POSE_NODE, SMOOTHER_NODE, FUSION_NODE = ("pose_node",), ("smoother_node",), ("fusion_node",)
BOTH_NODES, ALL_NODES = POSE_NODE + SMOOTHER_NODE, POSE_NODE + SMOOTHER_NODE + FUSION_NODE

_YAML_HEAD = """\
# Every parameter of the nodes, at its default. Written from pose3d_ros/config/settings.py, which also checks the values
# and makes the ROS descriptors: change it there.
# The names start with /** so that the file fits a node under any namespace. "tunable" parameters may change while the
# node runs (ros2 param set); the others are read when it is configured. What a preset sets is a comment here: what is
# given goes before the preset.
"""


@dataclass(frozen=True)
class EngineConfig(Settings, nodes=BOTH_NODES):
    """Where the models are and what runs them."""

    engines: str = setting(
        "auto",
        "Models: mediapipe-full, -heavy or -lite (see `pose3d models`), embedded, or a directory with a manifest.yaml; "
        "auto: the first of these that is there; auto-light: the lightest of MediaPipe's that is there, else embedded.",
    )
    backend: str = setting(
        "auto",
        "Inference backend; auto: the first of tensorrt, onnxruntime and torch that has a GPU, else onnxruntime's CPU.",
        choices=("auto", "tensorrt", "onnxruntime", "torch"),
    )
    preset: str = setting(
        "full",
        "light: for small boards; gives engines, threads and detector.interval_s their values unless they are given.",
        choices=("full", "light"),
        nodes=POSE_NODE,
    )
    threads: int = setting(0, "CPU threads of each engine; 0 lets the backend choose.", (0, 256))
    precision: str = setting(
        "auto",
        "Numeric precision on a GPU; auto is fp16. int8 (TensorRT) needs `pose3d engines build --calibration` first.",
        choices=("auto", "fp32", "fp16", "int8"),
    )
    onnx_provider: str = setting(
        "auto",
        "Execution provider of onnxruntime, if the installed build has it; auto is cuda, else cpu.",
        choices=("auto", "cpu", "cuda", "tensorrt"),
    )
    engine_cache: str = setting("", "Cache directory of built TensorRT engines; empty for ~/.cache/pose3d_ros/plans.")
    build_engines: bool = setting(
        True,
        "Build missing TensorRT engines in the background (minutes); onnxruntime runs the models until they are ready.",
    )


@dataclass(frozen=True)
class DetectorConfig(Settings, prefix="detector", nodes=POSE_NODE, tunable=True):
    """The person detector."""

    score_threshold: float = setting(
        0.15,
        "Detections below this score are dropped; keep it below tracker.new_track_score: low scores continue tracks.",
        (0.01, 1.0),
    )
    nms_iou: float = setting(
        0.6, "Non-maximum suppression: of two boxes whose IoU exceeds this, the lower score is dropped.", (0.0, 1.0)
    )
    interval_s: float = setting(
        0.1,
        "Video: how often people are looked for in the whole image, at least; in between those found are followed.",
        (0.05, 2.0),
    )
    max_people: int = setting(10, "Maximum number of people per frame; the highest scores are kept.", (1, 100))


@dataclass(frozen=True)
class PoseConfig(Settings, prefix="pose", nodes=POSE_NODE, tunable=True):
    """Absolute root position and pose."""

    joint_score_threshold: float = setting(
        0.15, "A joint below this confidence score is published as invalid.", (0.0, 1.0)
    )
    flip_test: bool = setting(
        True,
        "Flip test (test-time augmentation): average a crop with its mirror image; in video of uncertain people.",
    )
    person_score_threshold: float = setting(
        0.35, "Detections whose best third of joints scores less than this on average are false positives.", (0.0, 1.0)
    )


@dataclass(frozen=True)
class TrackerConfig(Settings, prefix="tracker", nodes=POSE_NODE, tunable=True):
    """The tracker: a constant-velocity Kalman filter of each root, in metres."""

    new_track_score: float = setting(0.4, "Detections below this score continue tracks but start none.", (0.0, 1.0))
    min_hits: int = setting(2, "Number of detections after which a track turns from NEW to TRACKED.", (1, 30))
    max_age_s: float = setting(
        3.5,
        "How long an undetected person is remembered and known again; then the track is LOST.",
        (0.0, 30.0),
    )
    predicted_s: float = setting(
        1.0, "How long an undetected person is published as PREDICTED, at most max_age_s.", (0.0, 30.0)
    )
    max_gap_s: float = setting(
        2.0, "All tracks end after a longer gap between frames, or when the clock jumps back.", (0.05, 60.0)
    )
    depth_sigma: float = setting(
        0.08, "Standard deviation of the root depth as a fraction of the depth, if the model gives none.", (0.001, 1.0)
    )
    lateral_sigma_m: float = setting(
        0.03, "Standard deviation of the root perpendicular to its viewing ray, metres.", (0.002, 1.0)
    )
    velocity_change_mps: float = setting(
        1.0, "Process noise: standard deviation of the change of a person's velocity in a second.", (0.05, 20.0)
    )
    velocity_decay_s: float = setting(
        0.6, "Time constant of the velocity's decay while a person is undetected (falls to 1/e).", (0.05, 30.0)
    )
    gate_sigmas: float = setting(
        5.0,
        "Association gate: largest distance of a pose from a track's prediction, in standard deviations.",
        (1.0, 20.0),
    )
    duplicate_overlap: float = setting(
        0.7, "Object keypoint similarity (OKS) above which two poses are duplicates of one person.", (0.1, 1.0)
    )


@dataclass(frozen=True)
class SmootherConfig(Settings, prefix="smoother", nodes=SMOOTHER_NODE, tunable=True):
    """Smoothing over time."""

    method: str = setting(
        "auto",
        "How people are smoothed over time. auto: temporal_conv where the engines have one for people's skeleton, else "
        "kinematic.",
        choices=("auto", "temporal_conv", "kinematic", "one_euro", "savitzky_golay", "none"),
    )
    lookahead_frames: int = setting(
        0,
        "Frames that smoother_node waits for before it publishes people, with the stamp of their own frame, smoothed "
        "from both sides. 0: publish at once.",
        (0, 8),
    )
    max_gap_s: float = setting(
        0.5, "The smoother resets after a person is undetected for longer, or when the clock jumps back.", (0.02, 30.0)
    )


@dataclass(frozen=True)
class LifecycleConfig(Settings, nodes=ALL_NODES):
    """Start and supervision of a node."""

    autostart: bool = setting(True, "Configure and activate without waiting for a lifecycle manager.")
    watchdog_timeout_s: float = setting(
        5.0,
        "Watchdog: warn when an input topic delivers no message for this long; 0: never.",
        (0.0, 3600.0),
    )
    min_input_hz: float = setting(
        0.0,
        "Warn when the input comes more rarely than this; 0: than its camera_info, or than in the last minutes.",
        (0.0, 1000.0),
        tunable=True,
    )


_STAGES = (DetectorConfig, PoseConfig, RootConfig, SceneConfig, TrackerConfig, SmootherConfig)
PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for group in (EngineConfig, InputConfig, *_STAGES, FusionConfig, OutputConfig, LifecycleConfig)
    for parameter in group.parameters().values()
}
"""Every parameter by name, in the order of config/pose3d.yaml."""

FORMER_NAMES: Mapping[str, str] = {"silence_warning_s": "watchdog_timeout_s"}
"""Former name of a parameter, still accepted → its present one."""


def parameters_of(node: str) -> tuple[Parameter, ...]:
    """The parameters a node has, in the table's order; node: `pose_node`, `smoother_node` or `fusion_node`."""
    return tuple(p for p in PARAMETERS.values() if node in p.nodes)


@dataclass(frozen=True)
class PipelineConfig:
    """Settings of the pipeline; config/pose3d.yaml has every one with its unit and range.

    Attributes
    ----------
    engine : EngineConfig
        Which models, and what runs them.
    detector : DetectorConfig
        The detector's thresholds.
    pose : PoseConfig
        The pose stage's thresholds and flip test.
    root : RootConfig
        Which solvers say how far away people are.
    scene : SceneConfig
        What is known of the place and its people.
    tracker : TrackerConfig
        Noise, association and life of the tracks.
    smoother : SmootherConfig
        How people are smoothed over time, and when that starts afresh.
    skeleton : str
        Name of the skeleton to give the people in, empty for the model's own.
    """

    engine: EngineConfig = field(default_factory=EngineConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    pose: PoseConfig = field(default_factory=PoseConfig)
    root: RootConfig = field(default_factory=RootConfig)
    scene: SceneConfig = field(default_factory=SceneConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    smoother: SmootherConfig = field(default_factory=SmootherConfig)
    skeleton: str = ""

    def __post_init__(self) -> None:
        PARAMETERS["skeleton"].check(self.skeleton)

    @classmethod
    def from_parameters(cls, values: Mapping[str, object]) -> PipelineConfig:
        """Make a configuration of ROS parameters, such as `{"detector.score_threshold": 0.4}`.

        Parameters
        ----------
        values : mapping of str to object
            Name → value. A missing name takes its default; a node's own parameters are checked and ignored.

        Returns
        -------
        PipelineConfig
            Checked.

        Raises
        ------
        ConfigError
            For an unknown name, a wrong type or a value out of range.
        """
        return NodeConfig.from_parameters(values).pipeline


@dataclass(frozen=True)
class NodeConfig:
    """All a node needs: the pipeline's settings and its own."""

    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    input: InputConfig = field(default_factory=InputConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    lifecycle: LifecycleConfig = field(default_factory=LifecycleConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)

    @classmethod
    def from_parameters(cls, values: Mapping[str, object]) -> NodeConfig:
        """From `{name: value}` of one node. Raises ConfigError as `PipelineConfig.from_parameters`."""
        values = {FORMER_NAMES.get(name, name): value for name, value in values.items()}
        for error in name_errors(values, PARAMETERS):
            raise error
        values = {**preset_values(PARAMETERS["preset"].check(values.get("preset", "full"))), **values}
        output = OutputConfig.from_values(values)
        pipeline = PipelineConfig(
            engine=EngineConfig.from_values(values),
            detector=DetectorConfig.from_values(values),
            pose=PoseConfig.from_values(values),
            root=RootConfig.from_values(values),
            scene=SceneConfig.from_values(values),
            tracker=TrackerConfig.from_values(values),
            smoother=SmootherConfig.from_values(values),
            skeleton=output.skeleton,
        )
        fusion = FusionConfig.from_values(values)
        return cls(pipeline, InputConfig.from_values(values), output, LifecycleConfig.from_values(values), fusion)


def parameter_file() -> str:
    """The text of config/pose3d.yaml."""
    sections = ((node, parameters_of(node)) for node in ALL_NODES)
    return _YAML_HEAD + "".join("\n" + yaml_section(node, table, _left_open(table)) for node, table in sections)


def _left_open(table: tuple[Parameter, ...]) -> frozenset[str]:
    """Of a node that has presets, what these set."""
    return OF_PRESETS if any(parameter.name == "preset" for parameter in table) else frozenset()


if __name__ == "__main__":
    sys.stdout.write(parameter_file())
