"""Tests of connector.content."""
