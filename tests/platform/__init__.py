"""A platform on this machine: built, started, stopped and killed as platforms with a Procfile do it."""
