"""What ingest makes by the hundred thousand stays out of the collector's sight."""

from __future__ import annotations

import gc
import subprocess
import sys

from envelopes import body, record, transfer
from histories import demo_mapping

from graph.mirror import Mirror
from graph.sink import GraphSink
from ingest.reading import Batch, Reading


def test_what_becomes_of_a_record_is_not_tracked() -> None:
    """It can hold no cycle; tracked, it made the collector cost as much as the work."""
    sink, batch = GraphSink(demo_mapping(), Mirror(), "w1"), Batch()
    Reading(sink).read([record(body("c", None, transfer()), {"id": 1}, 0)], batch)
    item = batch.items[0]
    made = [item, item.record, item.change, item.plan, *item.plan.upserts, *item.plan.events]
    made += sink.messages(batch.items, [], None)
    assert len(made) == 8 and not any(gc.is_tracked(each) for each in made)


def test_a_process_is_tuned_once_it_is_set_up() -> None:
    """What exists by then is never looked at again, and threads let go of the interpreter ten times as soon."""
    told = "gc.get_freeze_count() > 0, gc.get_threshold(), sys.getswitchinterval()"
    text = f"import gc, sys; from ingest.tuning import tune; tune(); print({told})"
    said = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout
    assert said.split(maxsplit=1) == ["True", "(50000, 20, 20) 0.0005\n"]
