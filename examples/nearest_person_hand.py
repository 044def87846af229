"""A ROS node that acts when the nearest person raises a hand; run it beside pose_node."""

from __future__ import annotations

import rclpy
from pose3d_msgs.msg import Person3D, Person3DArray
from rclpy.node import Node

from pose3d_ros import get_skeleton


class HandWatcher(Node):
    """Subscribes to `people`."""

    def __init__(self) -> None:
        super().__init__("hand_watcher")
        self.acted_on: list[str] = []
        self.create_subscription(Person3DArray, "people", self._on_people, 10)

    def _on_people(self, message: Person3DArray) -> None:
        seen = [p for p in message.people if p.state in (Person3D.NEW, Person3D.TRACKED)]
        nearest = min(seen, key=lambda person: person.root.z, default=None)
        if nearest is not None and self._raises_hand(nearest, message.skeleton) and nearest.id not in self.acted_on:
            self.acted_on.append(nearest.id)
            self.get_logger().info(f"{nearest.id}, {nearest.root.z:.1f} m away, raises a hand")

    def _raises_hand(self, person: Person3D, skeleton: str) -> bool:
        """Whether a wrist is above the shoulder of its side by a hand's width; y points down in the camera's frame."""
        index_of = get_skeleton(skeleton).index_of
        for side in "LR":
            wrist, shoulder = (person.joints[index_of[f"{side}_{name}"]] for name in ("Wrist", "Shoulder"))
            if wrist.valid and shoulder.valid and wrist.position.y < shoulder.position.y - 0.1:
                return True
        return False


def main() -> None:
    """Run the node until Ctrl-C."""
    rclpy.init()
    rclpy.spin(HandWatcher())


if __name__ == "__main__":
    main()
