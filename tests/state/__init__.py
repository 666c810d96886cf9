"""The working copy and the vault."""
