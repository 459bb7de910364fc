"""Backbones, and how they are cut into modules."""
