"""`make fuzz`: a million mutated records through decoder and mapping, figures as JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec
from fuzz_feed import Tally, feed
from fuzz_mutator import Mutator

from deploy.figures import figure, report
from graph.mapping import Mapping

MAPPING = Path(__file__).parents[2] / "deploy/demo/mapping.toml"
KEY = b"0123456789abcdef"
PEAK_MB = 300.0  # what a worker may take at any backlog
SLOWEST_MS = 1_000.0  # of one record, the largest among them


def main() -> int:
    """Exit status 0 when there was no crash and memory and time stayed in bounds, else 3."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    tally = feed(Mutator(chosen.seed).records(chosen.records), Mapping.load(MAPPING, KEY))
    done = report("fuzz", _figures(tally))
    told = msgspec.json.decode(done.json()) | {"seed": chosen.seed, "rejects": dict(tally.rejects.most_common())}
    told["crashed"] = [{"n": c.n, "error": c.error, "value": repr(c.value)[:2_000]} for c in tally.crashes[:20]]
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n")
    return done.status


def _figures(tally: Tally) -> list[object]:
    return [
        figure("records", tally.records, "records", None, "higher"),
        figure("changes", tally.changes, "records", None, "higher"),
        figure("rejects", tally.rejects.total(), "records"),
        figure("passed_over", tally.passed, "records"),
        figure("crashes", len(tally.crashes), "records", 0),
        figure("peak_rss_mb", tally.peak_rss_mb, "MB", PEAK_MB),
        figure("slowest_ms", tally.slowest_ms, "ms", SLOWEST_MS),
        figure("longest_reason", tally.longest_reason, "characters"),
        figure("records_per_s", tally.records / tally.elapsed_s, "records/s", None, "higher"),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
