"""Tokens that are no keys: they may upload from a web page, or see one job."""
