"""Tests of connector/outbox."""
