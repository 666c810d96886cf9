"""The whole chain against the real Odoo: simulator, connector, addon; compared message by message."""
