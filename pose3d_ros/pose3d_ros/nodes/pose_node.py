"""`pose_node`: images and camera_info in, people out, as a managed node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.nodes.managed import ManagedNode
from pose3d_ros.nodes.pose_work import PoseWork
from pose3d_ros.nodes.spin import run_node
from pose3d_ros.pipeline import Pipeline, open_pipeline

_Opener = Callable[[PipelineConfig], Pipeline]


class PoseNode(ManagedNode):
    """Subscribes `image_raw` (or `image_raw/compressed`) and `camera_info`; publishes `people`, `markers`, `skeleton`,
    `overlay` and `/diagnostics`; offers `~/enable`.

    opener: opens the pipeline of a configuration; `open_pipeline` unless given.
    """

    def __init__(self, *, opener: _Opener | None = None, **node_options: Any) -> None:
        def work(node: ManagedNode) -> PoseWork:
            config = node.config.pipeline
            if opener is not None:
                return PoseWork(node, opener(config))
            return PoseWork(node, open_pipeline(config=config, smooth=False, report=node.get_logger().info))

        super().__init__("pose_node", work, **node_options)


def main(args: list[str] | None = None) -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(PoseNode, args))


if __name__ == "__main__":
    main()
