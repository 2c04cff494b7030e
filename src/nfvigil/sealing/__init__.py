"""Encryption of what must not lie readable in the database: the box, and where its keys are."""
