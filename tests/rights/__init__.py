"""Who may do what: one table, tried by every door of a real Odoo as everybody."""
