"""`smoother_node`: people in, people smoothed over time out, as a managed node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.nodes.managed import ManagedNode
from pose3d_ros.nodes.smoother_work import SmootherWork
from pose3d_ros.nodes.spin import run_node
from pose3d_ros.pipeline import open_smoother
from pose3d_ros.stages.smooth.smoother import Smoother

_Opener = Callable[[PipelineConfig], tuple[Smoother, EngineSet]]


class SmootherNode(ManagedNode):
    """Subscribes `people`; publishes `people_smoothed`, `markers_smoothed`, `skeleton_smoothed` and `/diagnostics`;
    offers `~/enable`.

    opener: opens the smoother of a configuration; `open_smoother` unless given.
    """

    def __init__(self, *, opener: _Opener | None = None, **node_options: Any) -> None:
        def work(node: ManagedNode) -> SmootherWork:
            config = node.config.pipeline
            return SmootherWork(node, *(opener(config) if opener else open_smoother(config, node.get_logger().info)))

        super().__init__("smoother_node", work, **node_options)


def main(args: list[str] | None = None) -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(SmootherNode, args))


if __name__ == "__main__":
    main()
