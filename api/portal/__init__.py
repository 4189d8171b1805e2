"""The portal: pages in which a customer of an owner looks after the webhook endpoints of one channel."""
