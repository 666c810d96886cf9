"""Tests: a mirror of connector/, the Graph simulator, the Odoo harness, the addon, the browser."""
