"""The pages of webhooks: endpoints, what was sent to each, and how it is sent again."""
