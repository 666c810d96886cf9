"""Tests of connector.graph."""
