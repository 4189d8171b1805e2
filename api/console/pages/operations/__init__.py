"""What runs, what is stuck and why: the overview, failures, queues and workers."""
