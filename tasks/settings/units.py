"""Units in which limits are written."""

KiB = 1024
MiB = 1024 * KiB
HOUR_S = 3600
DAY_S = 24 * HOUR_S
FOREVER_S = 100 * 365 * DAY_S
"""What `keep=forever` means: Redis wants a time."""
