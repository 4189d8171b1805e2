"""A Pressroom with something in it, and pictures of the console's pages."""
