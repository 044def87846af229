"""The system's settings: frozen, validated groups, and the table of ROS parameters made from them.

YAML → ROS parameters → `PipelineConfig.from_parameters` / `NodeConfig.from_parameters` → constructors.
`PARAMETERS` is the one table behind config/pose3d.yaml, the ROS descriptors and the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pose3d_ros.config.parameter_table import (
    BOTH_NODES,
    POSE_NODE,
    SMOOTHER_NODE,
    Parameter,
    Settings,
    build_group,
    check_names,
    group_parameters,
    setting,
)
from pose3d_ros.skeletons import SKELETONS

_POSE_ONLY = (POSE_NODE,)
_SMOOTHER_ONLY = (SMOOTHER_NODE,)


@dataclass(frozen=True)
class EngineConfig(Settings):
    """Where the engines are and what runs them."""

    engines: str = setting("", "Directory with a manifest.yaml of engines; empty for the embedded ones.")
    backend: str = setting(
        "auto",
        "What runs the engines; auto takes tensorrt where it works, else torch on a GPU, else onnxruntime.",
        choices=("auto", "tensorrt", "onnxruntime", "torch"),
    )
    threads: int = setting(0, "Threads of one engine; 0 lets the backend choose.", low=0, high=256)
    precision: str = setting(
        "auto",
        "Arithmetic on a GPU; auto is fp16. int8, of TensorRT, needs `pose3d engines build` with pictures first.",
        choices=("auto", "fp32", "fp16", "int8"),
    )
    onnx_provider: str = setting(
        "auto",
        "What onnxruntime computes on, where its installed build can; auto is cuda, else cpu.",
        choices=("auto", "cpu", "cuda", "tensorrt"),
    )
    engine_cache: str = setting("", "Directory of what TensorRT built; empty for ~/.cache/pose3d_ros/plans.")
    build_engines: bool = setting(
        True, "Build TensorRT engines that lack, which takes minutes; until one is there, onnxruntime takes its place."
    )


@dataclass(frozen=True)
class DetectorConfig(Settings):
    """The person detector."""

    score_threshold: float = setting(
        0.15,
        "Boxes below this score are dropped. Keep it below tracker.new_track_score: weak boxes continue tracks.",
        low=0.01,
        high=1.0,
        tunable=True,
    )
    nms_iou: float = setting(
        0.6, "Of two boxes that overlap more than this (IoU), the weaker is dropped.", low=0.0, high=1.0, tunable=True
    )
    max_people: int = setting(10, "Most people in a frame, the best scores first.", low=1, high=100, tunable=True)


@dataclass(frozen=True)
class PoseConfig(Settings):
    """Root and pose."""

    joint_score_threshold: float = setting(
        0.15, "A joint below this score is published as invalid.", low=0.0, high=1.0, tunable=True
    )
    flip_test: bool = setting(
        True,
        "Read every crop a second time, mirrored, and take the mean: a few per cent more exact, twice the pose time.",
        tunable=True,
    )
    person_score_threshold: float = setting(
        0.35,
        "A box is no person when the best third of its joints scores less than this on average: a plant has no wrists.",
        low=0.0,
        high=1.0,
        tunable=True,
    )


@dataclass(frozen=True)
class TrackerConfig(Settings):
    """Identities: a constant-velocity Kalman filter of each root, in metres."""

    new_track_score: float = setting(
        0.4, "Detections below this score continue tracks but start none.", low=0.0, high=1.0, tunable=True
    )
    min_hits: int = setting(
        2, "Frames a person must be seen in to turn from NEW to TRACKED.", low=1, high=30, tunable=True
    )
    max_age_s: float = setting(
        1.5,
        "How long an unseen person is PREDICTED before the track is LOST.",
        unit="s",
        low=0.0,
        high=30.0,
        tunable=True,
    )
    max_gap_s: float = setting(
        2.0,
        "A pause between frames longer than this, or a clock that goes back, ends all tracks.",
        unit="s",
        low=0.05,
        high=60.0,
        tunable=True,
    )
    depth_sigma: float = setting(
        0.08,
        "Standard deviation of a measured root depth as a fraction of it, where the engine gives none.",
        low=0.001,
        high=1.0,
        tunable=True,
    )
    lateral_sigma: float = setting(
        0.008,
        "Standard deviation of a measured root across its viewing ray as a fraction of its depth.",
        low=0.0005,
        high=1.0,
        tunable=True,
    )
    velocity_change_mps: float = setting(
        1.0,
        "How much a person's velocity changes within a second (standard deviation).",
        unit="m/s",
        low=0.05,
        high=20.0,
        tunable=True,
    )
    velocity_decay_s: float = setting(
        0.6,
        "An unseen person's velocity falls to 1/e within this time.",
        unit="s",
        low=0.05,
        high=30.0,
        tunable=True,
    )
    gate_sigmas: float = setting(
        4.0,
        "A pose further than this many standard deviations from a prediction is another person's.",
        low=1.0,
        high=20.0,
        tunable=True,
    )
    duplicate_overlap: float = setting(
        0.7,
        "Two poses whose joints coincide in the image to this degree (0-1) are one person.",
        low=0.1,
        high=1.0,
        tunable=True,
    )


@dataclass(frozen=True)
class SmootherConfig(Settings):
    """The temporal smoother."""

    max_gap_s: float = setting(
        0.5,
        "A person unseen for longer, or a clock that goes back, starts the smoother afresh.",
        unit="s",
        low=0.02,
        high=30.0,
        tunable=True,
    )


@dataclass(frozen=True)
class InputConfig(Settings):
    """What the pose node listens to."""

    image_transport: str = setting(
        "raw", "raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage.", choices=("raw", "compressed")
    )
    image_reliability: str = setting(
        "best_effort", "QoS of the image subscription.", choices=("best_effort", "reliable")
    )
    queue_size: int = setting(
        1,
        "Images that wait; 1 keeps the latest only, more is for replays that may lose no frame.",
        low=1,
        high=1000,
    )
    fallback_hfov_deg: float = setting(
        0.0,
        "Horizontal field of view to assume while no valid camera_info is there (people are then marked uncalibrated); "
        "0 publishes nothing until one comes.",
        unit="deg",
        low=0.0,
        high=170.0,
    )


@dataclass(frozen=True)
class OutputConfig(Settings):
    """What a node publishes."""

    skeleton: str = setting(
        "",
        "Skeleton to publish in; empty for the engine's own. With a smoother behind, set it on the smoother only.",
        choices=("", *sorted(SKELETONS)),
    )
    target_frame: str = setting(
        "",
        "TF frame to publish in; empty for the camera's optical frame. With a smoother behind, set it on the "
        "smoother only.",
    )
    publish_markers: bool = setting(True, "Publish a MarkerArray for RViz and Foxglove.", tunable=True)
    marker_lifetime_s: float = setting(
        0.5, "Markers vanish after this long without a new one.", unit="s", low=0.0, high=60.0, tunable=True
    )
    publish_tf: bool = setting(False, "Broadcast each person's root as a TF frame.", tunable=True)
    publish_overlay: bool = setting(
        False, "Publish the image with the skeletons drawn on it.", tunable=True, nodes=_POSE_ONLY
    )
    work_without_subscribers: bool = setting(False, "Compute even while nobody listens.", tunable=True)


@dataclass(frozen=True)
class LifeConfig(Settings):
    """How a node lives."""

    autostart: bool = setting(True, "Configure and activate without waiting for a lifecycle manager.")
    silence_warning_s: float = setting(
        5.0,
        "Warn, with the likely remedy, when an input that has a publisher brings nothing for this long; 0 never.",
        unit="s",
        low=0.0,
        high=3600.0,
    )


_GROUPS: tuple[tuple[str, type[Settings], tuple[str, ...]], ...] = (
    ("", EngineConfig, BOTH_NODES),
    ("", InputConfig, _POSE_ONLY),
    ("detector", DetectorConfig, _POSE_ONLY),
    ("pose", PoseConfig, _POSE_ONLY),
    ("tracker", TrackerConfig, _POSE_ONLY),
    ("smoother", SmootherConfig, _SMOOTHER_ONLY),
    ("", OutputConfig, BOTH_NODES),
    ("", LifeConfig, BOTH_NODES),
)

PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for prefix, group, nodes in _GROUPS
    for parameter in group_parameters(group, prefix, nodes)
}
"""Every parameter by name, in the order of config/pose3d.yaml."""


def parameters_of(node: str) -> tuple[Parameter, ...]:
    """The parameters a node has, in the table's order; node: `pose_node` or `smoother_node`."""
    return tuple(p for p in PARAMETERS.values() if node in p.nodes)


@dataclass(frozen=True)
class PipelineConfig:
    """All the core needs. skeleton: name of the skeleton to give the people in, empty for the engine's own."""

    engine: EngineConfig = field(default_factory=EngineConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    pose: PoseConfig = field(default_factory=PoseConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    smoother: SmootherConfig = field(default_factory=SmootherConfig)
    skeleton: str = ""

    def __post_init__(self) -> None:
        PARAMETERS["skeleton"].check(self.skeleton)

    @classmethod
    def from_parameters(cls, values: Mapping[str, object]) -> PipelineConfig:
        """From `{name: value}`; a missing name takes its default, a node's own parameters are checked and passed over.

        Raises ConfigError for an unknown name, a wrong type or a value out of range.
        """
        check_values(values)
        return cls(
            engine=build_group(EngineConfig, "", values),
            detector=build_group(DetectorConfig, "detector", values),
            pose=build_group(PoseConfig, "pose", values),
            tracker=build_group(TrackerConfig, "tracker", values),
            smoother=build_group(SmootherConfig, "smoother", values),
            skeleton=str(values.get("skeleton", "")),
        )


@dataclass(frozen=True)
class NodeConfig:
    """All a node needs: the pipeline's settings and its own."""

    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    input: InputConfig = field(default_factory=InputConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    life: LifeConfig = field(default_factory=LifeConfig)

    @classmethod
    def from_parameters(cls, values: Mapping[str, object]) -> NodeConfig:
        """From `{name: value}` of one node. Raises ConfigError as `PipelineConfig.from_parameters`."""
        return cls(
            pipeline=PipelineConfig.from_parameters(values),
            input=build_group(InputConfig, "", values),
            output=build_group(OutputConfig, "", values),
            life=build_group(LifeConfig, "", values),
        )


def check_values(values: Mapping[str, object]) -> None:
    """Check `{name: value}` against the table. Raises ConfigError for the first that is wrong."""
    check_names(values, PARAMETERS)
    for name, value in values.items():
        PARAMETERS[name].check(value)
