"""Quotas of owners that a web process checks itself: requests per second, and bytes."""
