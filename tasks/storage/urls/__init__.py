"""URLs by which clients reach the storage without this service."""
