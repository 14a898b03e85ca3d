"""How a command ends when it is told to."""

from __future__ import annotations

import subprocess
import sys

UNWINDS = """
import time
from deploy.signals import unwind_on_stop
unwind_on_stop()
try:
    print("begun", flush=True)
    time.sleep(60)
finally:
    print("what it started is ended", flush=True)
"""


def test_sigterm_unwinds_a_command() -> None:
    """By default it ends at once, and leaves behind the processes it started."""
    with subprocess.Popen([sys.executable, "-c", UNWINDS], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stdout.readline() == "begun\n"
        running.terminate()
        assert running.communicate(timeout=20)[0] == "what it started is ended\n"
        assert running.returncode == 128 + 15
