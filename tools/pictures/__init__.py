"""Draws the pictures of docs/images.md."""
