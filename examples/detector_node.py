"""A ROS node with a detector of your own, for `pose_node` with detections_topic: boxes around what moves.

python3 examples/detector_node.py --ros-args -r image_raw:=/camera/image_raw
ros2 run pose3d_ros pose_node --ros-args -r image_raw:=/camera/image_raw -r camera_info:=/camera/camera_info \
        -p detections_topic:=/detections
"""

from __future__ import annotations

import numpy as np
import rclpy
from custom_detector import MotionDetector
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

from pose3d_ros import Detection


class DetectorNode(Node):
    """Subscribes to `image_raw` (bgr8), publishes `detections`."""

    def __init__(self) -> None:
        super().__init__("detector")
        self._detector = MotionDetector()
        self._publisher = self.create_publisher(Detection2DArray, "detections", 10)
        self.create_subscription(Image, "image_raw", self._on_image, qos_profile_sensor_data)

    def _on_image(self, message: Image) -> None:
        rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
        image = rows[:, : 3 * message.width].reshape(message.height, message.width, 3)
        boxes = [box_message(detection) for detection in self._detector(image)]
        # The image's header: by its stamp the boxes are told to be of this image. Also where there are none.
        self._publisher.publish(Detection2DArray(header=message.header, detections=boxes))


def box_message(detection: Detection) -> Detection2D:
    """A box as vision_msgs has it: center and size, 0 at the image's edge."""
    x0, y0, x1, y1 = (detection.box_xyxy_px + 0.5).tolist()
    made = Detection2D(results=[ObjectHypothesisWithPose()])
    made.bbox.center.position.x, made.bbox.center.position.y = (x0 + x1) / 2, (y0 + y1) / 2
    made.bbox.size_x, made.bbox.size_y = x1 - x0, y1 - y0
    made.results[0].hypothesis.class_id, made.results[0].hypothesis.score = "person", detection.score
    return made


def main() -> None:
    """Run the node until Ctrl-C."""
    rclpy.init()
    rclpy.spin(DetectorNode())


if __name__ == "__main__":
    main()
