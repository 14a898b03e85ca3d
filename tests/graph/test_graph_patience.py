"""What is tried again, and for how long."""

from __future__ import annotations

import pytest

from graph.patience import patiently
from ingest.events import Reject, Transient


class Server:
    """Fails so many times, then answers."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.left, self.asked = error, times, 0

    def ask(self) -> str:
        self.asked += 1
        if self.asked <= self.left:
            raise self.error
        return "answer"


@pytest.mark.parametrize("times", [0, 1, 2])
def test_what_passes_is_waited_for(times: int) -> None:
    """Once for each wait, and once more."""
    assert patiently(Server(Transient("away"), times).ask, (0.0, 0.0)) == "answer"


def test_past_the_last_wait_the_error_is_told() -> None:
    """The last try's own."""
    server = Server(Transient("away"), 3)
    with pytest.raises(Transient, match="away"):
        patiently(server.ask, (0.0, 0.0))
    assert server.asked == 3


def test_what_would_not_pass_is_told_at_once() -> None:
    """Trying again would not help."""
    server = Server(Reject("bad"), 1)
    with pytest.raises(Reject):
        patiently(server.ask, (0.0, 0.0))
    assert server.asked == 1
