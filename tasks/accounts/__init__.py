"""Accounts: keys, owners, what they may use and have used, and the audit log of what was done to them."""
