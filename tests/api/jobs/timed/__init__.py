"""When jobs run, until when, and how that is changed."""
