"""Scoring on rendered single images."""
