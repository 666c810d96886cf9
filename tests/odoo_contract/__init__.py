"""One suite for both transports, against the real Odoo: what the port promises, and what an admin is told."""
