"""What Faust does around every record it hands to the agent, less what nobody here asks for. Knows Faust's insides.

Measured on the stack at 400 events a second, this and the figures it keeps were a third of what a scorer took of the
processor (DECISIONS.md, 56).
"""

from __future__ import annotations

from typing import Any

from faust.sensors.monitor import Monitor
from faust.transport.drivers.aiokafka import Consumer
from mode.services import WaitResults


class Silent(Monitor):
    """Keeps no figures of single records: a scorer has its own (`scoring.online.metrics`)."""

    def on_message_in(self, *_: Any) -> None:
        """Not counted."""

    def on_message_out(self, *_: Any) -> None:
        """Not counted."""

    def on_stream_event_in(self, *_: Any) -> None:
        """Not counted."""

    def on_stream_event_out(self, *_: Any) -> None:
        """Not counted."""

    def track_tp_end_offset(self, *_: Any) -> None:
        """Not kept."""


class Reader(Consumer):
    """Hands a record over in the task that fetched it, where Faust makes four tasks for each."""

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:
        """See mode.Service. Faust asks it of two: the handing over of a record, and a word that reading stops.

        While nothing stops it, handing over is a matter of a moment. Should it take longer, as the queue is full or a
        rebalance begins meanwhile, the record is handed over all the same: a score is then made twice, under one id.
        """
        if len(coros) != 2 or timeout is not None or not self.flow_active or self.should_stop:
            return await super().wait_first(*coros, timeout=timeout)
        handing_over, stopped = coros
        stopped.close()
        return WaitResults([handing_over], [await handing_over], self.should_stop)
