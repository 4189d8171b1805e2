"""Tokens that web pages send instead of API keys."""
