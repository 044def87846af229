"""Scoring of a recording: its session, ground truth and summary."""
