"""Tests of connector/doctor; against a real Odoo: tests/system/test_doctor.py."""
