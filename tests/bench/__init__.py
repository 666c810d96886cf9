"""Benchmarks: each target of the design measured beside a peer, in one run (`make bench`)."""
