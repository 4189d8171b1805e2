"""Accounts over HTTP: keys, owners, and the audit log."""
