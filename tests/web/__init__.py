"""The connector's own HTTP."""
