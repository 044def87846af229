"""Scoring: reading and writing bags, matching people to ground truth, metrics, drawings and the report.

Needs rosbags for bags and matplotlib for the plots of the report only; no ROS.
"""
