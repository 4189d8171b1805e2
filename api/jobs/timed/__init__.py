"""When jobs run, for how long and until when, and how that is changed of those that wait."""
