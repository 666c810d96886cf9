"""Child processes that end with us, however we end."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = ["Program", "SetupError", "child", "free_port", "wait_until"]

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_libc = ctypes.CDLL(None, use_errno=True)


class SetupError(Exception):
    """Something that tests need is missing; the message says what to install."""


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def child(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
    grace: float = 15.0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program beside us, its output in `log`. It gets `stop` when we leave, or when we die; then `grace` seconds, then SIGKILL."""
    parent = os.getpid()

    def ends_with_us() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(stop))
        if os.getppid() != parent:  # we died before the kernel was told
            os._exit(1)

    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - commands of this harness
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            start_new_session=True,
            preexec_fn=ends_with_us,  # noqa: PLW1509 - one prctl call; this process starts its children before it has threads of its own
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                process.send_signal(stop)
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class Program:
    """A program that can be killed and started again as it was.

    It ends when the thread ends that started it (`PR_SET_PDEATHSIG`), so that has to be one that lives: the main thread.
    """

    def __init__(self, run: Callable[[], AbstractContextManager[subprocess.Popen[bytes]]]) -> None:
        """`run` is a call of `child`."""
        self._run = run
        self._stack = ExitStack()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Start it; what it needs until it is ready is the caller's business."""
        self.process = self._stack.enter_context(self._run())
        return self.process

    def kill(self, how: signal.Signals = signal.SIGKILL, *, seconds: float = 15.0) -> int:
        """Send a signal that ends it, and wait until it has gone; return its exit code."""
        if self.process is None:
            raise SetupError("a program that does not run cannot be killed")
        self.process.send_signal(how)
        code = self.process.wait(seconds)
        self.close()
        return code

    def close(self) -> None:
        """End it in order, if it runs."""
        self._stack.close()
        self.process = None


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str, log: Path, *, seconds: float = 90.0) -> None:
    """Wait until `ready`; a process that ended, or is not ready in time, is an error with the end of its log."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise SetupError(f"{what} ended by itself (exit code {process.returncode}):\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise SetupError(f"{what} is not ready after {seconds:.0f} s:\n{_tail(log)}")
        time.sleep(0.1)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-25:])
