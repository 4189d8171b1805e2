"""Accounts: keys, owners, and the audit log of what was done to them."""
