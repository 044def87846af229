"""What the tests of the nodes share; it imports ROS."""
