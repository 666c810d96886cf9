"""Entra ID and Graph mail v1.0 over real HTTP, as awkward as the real thing, in memory.

    python -m tests.graph_simulator --port 8090

`model` is the truth (mailboxes, folders, messages, a log of changes per folder), `entra` and `graph_api` show it as Microsoft does,
`control` lets tests change it, `quirks` holds the awkwardnesses, each a switch. See README.md.
"""
