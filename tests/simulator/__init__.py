"""Tests of the Graph simulator: it has to be as Graph is, or what it proves is worth nothing."""
