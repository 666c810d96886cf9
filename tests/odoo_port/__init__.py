"""The port to Odoo at its HTTP edge: what each transport sends, and what it makes of every answer."""
