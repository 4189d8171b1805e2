"""Pages for people: HTML from the server, one style sheet, and nothing from elsewhere."""
