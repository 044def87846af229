"""Evaluation: matching with ground truth, metrics, and reports of recordings and held-out sets. Needs no ROS."""
