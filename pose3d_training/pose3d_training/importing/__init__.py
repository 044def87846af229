"""Published checkpoints as engines."""
