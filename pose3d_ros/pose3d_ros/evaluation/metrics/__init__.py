"""Metrics of poses, identities, boxes and scores."""
