"""How a server of a test ended that nobody stopped: what an error about it says beside its own words."""

import contextlib
import signal
import subprocess

LINES = 40
# A server that dies closes its socket a moment before it is gone.
GRACE_SECONDS = 0.2


def how_it_ended(process, log):
    """Nothing while the process lives. `process`: None after a test stopped it; `log`: the file it writes to."""
    if process is None:
        return "; the test has stopped this server"
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    if process.returncode is None:
        return ""
    code = process.returncode
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return f"; the server ended {how}, and its log with:\n" + "\n".join(lines[-LINES:])
