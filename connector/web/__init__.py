"""The connector's own HTTP, for Odoo and for monitoring (docs/protocol.md, section 2)."""
