"""Speaks Microsoft Graph and Entra ID; knows nothing of Odoo."""
