"""The addon's own tests, run by Odoo."""
