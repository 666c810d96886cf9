"""`make demo`: Odoo, the connector and the Graph simulator, with two mailboxes connected as a person would."""
