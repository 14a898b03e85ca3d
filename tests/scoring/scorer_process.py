"""A scorer that ends itself at a step, for tests: `python scorer_process.py BOOTSTRAP GROUP FOLDER STEP NTH GIVE_UP_S`.

Without a step (`-`) it runs until it is told to stop. The graph comes from `graph.changes` alone, and the rules score,
so that no server but Kafka is needed.
"""

from __future__ import annotations

import os
import sys

from deploy.scoring_process import follow
from graph.mirror import Mirror
from ingest.kafka import KafkaPublisher
from scoring.app import Work, WorkerSettings, build
from scoring.engine import RuleEngine
from scoring.feed import MirrorFeed
from scoring.online.desk import DeskSettings
from scoring.online.duty import Duty
from scoring.scorer import EventScorer

KILLED = 9


def main(bootstrap: str, group: str, folder: str, step: str, nth: str, give_up_s: str) -> None:
    """Run."""
    left = int(nth)

    def passing(passed: str) -> None:
        nonlocal left
        if passed == step:
            left -= 1
            if left <= 0:
                os._exit(KILLED)

    mirror = Mirror()
    feed = MirrorFeed(bootstrap, Mirror(), mirror, look_back=1_000_000)
    feed.start()
    if not feed.ready.wait(60):
        raise SystemExit(f"not hydrated: {feed.failed}")
    desk = DeskSettings(batch=16, patience_s=0.2, give_up_s=float(give_up_s))
    settings = WorkerSettings(bootstrap, group, folder, desk)
    duty = Duty(lambda role: RuleEngine() if role == "main" else None)
    through, publisher = (mirror, feed), KafkaPublisher(bootstrap)
    work = Work(lambda engine: EventScorer(engine, mirror), duty, through, publisher, passing=passing)
    follow(build(settings, work))


if __name__ == "__main__":
    main(*sys.argv[1:])
