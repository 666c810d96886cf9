"""The connector as it is, but that it looks for a doubtful mail sooner: the simulator's post is as much faster than Outlook's.

`python -m tests.drill.quick run ...`, as `python -m connector.cli run ...`.
"""

from __future__ import annotations

from connector.cli import main
from connector.outbox import send

__all__ = ["LOOKS"]

# Seconds: 5 s, 30 s, 2 min and 5 min of `send`, in a thirtieth of the time.
LOOKS = (0.5, 1.0, 4.0, 10.0)

if __name__ == "__main__":
    send.LOOKS = LOOKS
    main()
