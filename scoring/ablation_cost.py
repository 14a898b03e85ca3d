"""What a network costs an event in production: the time of one forward pass, on real events, at batch 1."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scoring.core.backend import CPU
from scoring.core.network import EventNetwork
from scoring.core.topology import with_topology
from scoring.prepared import Prepared

REPEATS = 7  # of each event's pass


def cost_ms(
    network: EventNetwork, prepared: Prepared, events: int = 100, clock: Callable[[], float] = time.thread_time
) -> float:
    """Milliseconds of one thread's time that a forward pass of one event takes, the mean over events taken evenly.

    Of each event the fastest of several passes counts, and what other processes take from the machine does not. Where
    the network reads topology, computing it counts; reading neighbourhoods and the long look back, and computing
    their features, does not.

    Args:
        network: on the CPU; torch on one thread.
        prepared: the events.
        events: so many of them, at the most.
        clock: seconds.
    """
    took_s = []
    for at in np.unique(np.linspace(0, len(prepared) - 1, events).astype(np.int64)):
        batch = replace(prepared.batch(np.array([at])), whole=None)
        times = []
        for _ in range(REPEATS):
            began_s = clock()
            CPU.logits(network, with_topology(batch) if network.architecture.whole else batch)
            times.append(clock() - began_s)
        took_s.append(min(times))
    return 1000 * float(np.mean(took_s))
