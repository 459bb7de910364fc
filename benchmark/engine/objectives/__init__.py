"""Auxiliary heads and losses that methods share."""
