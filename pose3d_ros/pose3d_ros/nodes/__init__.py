"""ROS 2 nodes: the only code of the package that imports ROS.

A node converts messages to records, calls the pipeline or a stage, converts the result and publishes it. `dds_profile`,
`problems`, `frame_queue` and `timing` know nothing of ROS, and can be used and tested without it.
"""
