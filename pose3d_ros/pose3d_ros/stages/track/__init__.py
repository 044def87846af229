"""Identities that survive occlusion."""
