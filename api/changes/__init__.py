"""What changes in lists and numbers, as one stream of events for each who looks."""
