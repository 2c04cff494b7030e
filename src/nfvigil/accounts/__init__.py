"""Accounts of clouds that come and go at run time: keeping them, putting them to use, new keys for their secrets."""
