"""Tests of connector.sync."""
