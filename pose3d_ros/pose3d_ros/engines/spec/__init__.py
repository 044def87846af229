"""What a manifest says about engines: entries, presets of third-party models, and the folders they lie in."""
