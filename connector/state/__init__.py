"""What the connector remembers: a SQLite working copy, and the vault that seals what is secret in it."""
