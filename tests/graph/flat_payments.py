"""A small bank in one CSV: payments at terminals, some of which are taken over for a while. Nothing of it is real."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from graph.mapping import Mapping

START = datetime(2025, 1, 1, tzinfo=UTC)
MAPPING = """
source = "shop"

[tables.payments]
key = ["id"]
file = { path = "payments.csv", sorted = true }

[[tables.payments.edges]]
role = "payment"
relation = "PAID"
source = { label = "Customer", id = "customer" }
target = { label = "Terminal", id = "terminal" }
time = { column = "at", unit = "iso" }
event = true
attributes = { amount = { column = "amount", type = "integer" }, kind = { column = "kind", type = "category" } }

[[tables.payments.labels]]
of = "payment"
fraud = { column = "fraud", fraud = "1", legit = "0" }
delay = "2d"
"""


def write(folder: Path, rows: int = 1_500, mapping: str = MAPPING, seed: int = 0) -> Mapping:
    """The files, and the mapping that reads them."""
    draw = random.Random(seed)
    lines = ["id,at,customer,terminal,amount,kind,fraud"]
    for n in range(rows):
        day = n * 60 // rows
        at = START + timedelta(days=n * 60 / rows)
        terminal = draw.randrange(20)
        taken = (terminal + day // 10) % 5 == 0  # for ten days at a time
        fraud = int(draw.random() < (0.6 if taken else 0.005))
        lines.append(f"{n},{at.isoformat()},{draw.randrange(60)},{terminal},{draw.randrange(1, 90)},web,{fraud}")
    (folder / "payments.csv").write_text("\n".join(lines) + "\n")
    (folder / "shop.toml").write_text(mapping)
    return Mapping.load(folder / "shop.toml", b"x" * 32)
