"""Learning lifters from what a user has: losses, critics and label sources for data without 3D labels."""
