"""Manifests of models: entries, presets of third-party models, and the folders they lie in."""
