"""Decides what one mailbox needs next: a pure core (`machine`, `merge`, `plan`) and thin I/O round it."""
