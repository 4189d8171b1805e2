"""Units in which limits are written."""

MiB = 1024 * 1024
HOUR_S = 3600
DAY_S = 24 * HOUR_S
