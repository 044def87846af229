"""Labels as recordings with ground truth, one for each view, and the cameras' poses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_types import pose3d_typestore
from pose3d_ros.bags.transforms import STATIC_TOPIC, TF_TYPE
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.output_files import write_file
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array
from pose3d_training.multiview.camera_rig import LEAST_SCORE
from pose3d_training.multiview.labels import Labels
from pose3d_training.multiview.recorded_views import RecordedView

TRUTH_TOPIC = "/ground_truth/people"
_LEAST_JOINTS = 1 / 3
"""Of the joints, that a person's label has."""
_CAMERA_INFO = "/camera/camera_info"


@dataclass(frozen=True)
class ViewLabels:
    """One view's labels. people: by stamp, of images all of whose people have one. images: how many there are."""

    people: dict[int, tuple[Person, ...]]
    images: int


def view_labels(labels: Labels, number: int, view: RecordedView, origin_ns: int) -> ViewLabels:
    """The people of a view as ground truth; of an image in which someone has no label there is none."""
    found: dict[int, list[Person]] = {stamp: [] for stamp in view.people}
    for one in labels.people[number]:
        track_id = view.track_ids[one.track]
        stamps = [stamp for stamp, people in sorted(view.people.items()) if any(p.track_id == track_id for p in people)]
        roots = np.stack([_root(joints, view.skeleton) for joints in one.joints_cam_m])
        velocities = np.gradient(roots, one.times_s, axis=0) if len(roots) > 1 else np.zeros_like(roots)
        for stamp, joints, root, velocity in zip(stamps, one.joints_cam_m, roots, velocities, strict=True):
            seen = next(person for person in view.people[stamp] if person.track_id == track_id)
            if np.isfinite(root).all() and np.isfinite(joints[:, 0]).mean() >= _LEAST_JOINTS:
                found[stamp].append(_labeled(seen, one.person, joints, root, np.nan_to_num(velocity), view))
    whole = {stamp: tuple(people) for stamp, people in found.items() if len(people) == len(view.people[stamp])}
    return ViewLabels(whole, len(view.people))


def _root(joints_m: Array, skeleton: Skeleton) -> Array:
    """The root (3,); of a skeleton with a pelvis the middle of the hips where that has no label."""
    root = joints_m[skeleton.root]
    hips = [skeleton.index_of[name] for name in ("L_Hip", "R_Hip") if skeleton.joints[skeleton.root] == "Pelvis"]
    return np.asarray(joints_m[hips].mean(axis=0)) if np.isnan(root).any() and hips else root


def _labeled(seen: Person, number: int, joints_m: Array, root_m: Array, velocity: Array, view: RecordedView) -> Person:
    pixels = view.camera.project(joints_m)
    known = np.isfinite(pixels).all(axis=1)
    box = seen.pose.detection.box_xyxy_px
    box = np.concatenate(
        [np.fmin(box[:2], np.nanmin(pixels[known], axis=0)), np.fmax(box[2:], pixels[known].max(axis=0))]
    )
    visible = float((seen.pose.scores >= LEAST_SCORE).mean())
    scores = np.asarray(known, dtype=np.float64)
    pose = Pose(root_m, joints_m, pixels, scores, view.skeleton, Detection(box, visible), 0.0)
    return Person(number, TrackState.TRACKED, pose, velocity, visible)


def write_view(path: Path, views: Sequence[RecordedView], labels: Labels, number: int, people: ViewLabels) -> None:
    """Write a recording with the images of a view, its camera, ground truth, and where the other cameras are.

    Transforms of the recording are kept. Raises BagError or OutputError.
    """
    view = views[number]
    with BagReader(view.source.path) as bag, BagWriter(path) as out:
        image = bag.image_topic(view.source.choice.image_topic)
        kept = [image, *bag.topics_of((TF_TYPE,))]
        if view.source.choice.camera_of is None:
            kept.append(bag.camera_topic(view.source.choice.camera_topic, view.source.choice.image_topic))
        else:
            out.write_camera(_CAMERA_INFO, bag.start_ns, view.frame_id, view.camera)
        for topic in kept:
            out.add_topic(topic, bag.topics[topic].msgtype, latched=topic.endswith(STATIC_TOPIC))
        out.add_topic(f"/{STATIC_TOPIC}", TF_TYPE, latched=True)
        out.write_message(f"/{STATIC_TOPIC}", TF_TYPE, bag.start_ns, _transforms(views, labels, number, bag.start_ns))
        for message in bag.serialized(kept):
            out.write_serialized(message.topic, message.received_ns, message.data)
        for stamp, found in people.people.items():
            truth = found, view.skeleton
            out.write_people(TRUTH_TOPIC, stamp, view.frame_id, *truth, id_prefix="gt_", model="triangulated")


def _transforms(views: Sequence[RecordedView], labels: Labels, number: int, stamp_ns: int) -> Any:
    """The other cameras below this one's optical frame, which may have a parent already."""
    types = pose3d_typestore().types
    stamp = types["builtin_interfaces/msg/Time"](stamp_ns // 1_000_000_000, stamp_ns % 1_000_000_000)
    own, messages = views[number], []
    for at, other in enumerate(views):
        if at == number:
            continue
        pose = labels.first2camera[number].after(labels.first2camera[at].inverse())
        name = other.frame_id if other.frame_id != own.frame_id else f"{other.source.name}_{other.frame_id}"
        transform = types["geometry_msgs/msg/Transform"](
            types["geometry_msgs/msg/Vector3"](*pose.translation_m.tolist()),
            types["geometry_msgs/msg/Quaternion"](*pose.quaternion_xyzw()),
        )
        header = types["std_msgs/msg/Header"](stamp, own.frame_id)
        messages.append(types["geometry_msgs/msg/TransformStamped"](header, name, transform))
    return types[TF_TYPE](messages)


def write_extrinsics(path: Path, names: Sequence[str], cameras: Sequence[RigidTransform]) -> None:
    """Write the cameras' poses in the first one's optical frame, as `fusion_node` reads them. Raises OutputError."""
    lines = ["extrinsics:"]
    for name, first2camera in zip(names, cameras, strict=True):
        pose = first2camera.inverse()
        move = ", ".join(f"{value:.6f}" for value in pose.translation_m)
        turn = ", ".join(f"{value:.8f}" for value in pose.quaternion_xyzw())
        lines += [f"  {name}:", f"    translation: [{move}]", f"    rotation: [{turn}]"]
    write_file(path, "\n".join(lines) + "\n")


def summary_of(views: Sequence[RecordedView], labels: Labels, made: Sequence[ViewLabels]) -> dict[str, object]:
    """What was found, for a file."""
    rig = labels.rig
    return {
        "scale": labels.scale,
        "reprojection_px": round(labels.reprojection_px * views[0].camera.fx_px / 1000.0, 3),
        "people": len(rig.people),
        "views": [
            {
                "name": view.source.name,
                "recording": str(view.source.path),
                "rotation_first_to_camera": labels.first2camera[at].rotation.tolist(),
                "translation_first_to_camera_m": labels.first2camera[at].translation_m.tolist(),
                "offset_s": rig.offsets_s[at],
                "inliers": rig.inlier_shares[at - 1] if at else 1.0,
                "median_angle_deg": rig.angles_deg[at - 1] if at else 0.0,
                "images": made[at].images,
                "labeled_images": len(made[at].people),
            }
            for at, view in enumerate(views)
        ],
    }


def write_summary(path: Path, summary: dict[str, object]) -> None:
    """Write it as JSON. Raises OutputError."""
    write_file(path, json.dumps(summary, indent=2) + "\n")
