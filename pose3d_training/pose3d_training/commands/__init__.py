"""Commands that this package adds to pose3d."""
