"""Tracking: identities that are kept through occlusions."""
