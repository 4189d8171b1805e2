"""What the bookshop's own web process would import."""

QUEUE = "bookshop:queue"
