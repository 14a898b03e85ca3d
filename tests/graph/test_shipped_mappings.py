"""The mappings that ship read their folders: counts as each SOURCE.txt states them. The data is not ours to ship."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from graph.flat import Refused, planned
from graph.mapping import Mapping
from graph.mapping_schema import SHIPPED, schema_text
from graph.model import EdgeUpsert, LabelUpsert, NodeUpsert

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MAPPINGS = sorted(path.stem for path in SHIPPED.parent.glob("*.toml"))
DAY_MS = 86_400_000


class Read:
    """What a folder becomes."""

    def __init__(self, name: str, rows: int | None = None) -> None:
        folder = DATA / name
        if not folder.exists():
            pytest.skip(f"the data is not here ({folder})")
        self.mapping = Mapping.load(SHIPPED.parent / f"{name}.toml", b"k" * 32)
        self.refused: list[Refused] = []
        self.edges: Counter[str] = Counter()
        self.labels: Counter[bool] = Counter()
        self.events = 0
        self.times: list[int] = []
        self.delays: set[int] = set()
        nodes: set[str] = set()
        for change, plan in islice(planned(self.mapping, folder, self.refused.append), rows):
            self.events += len(plan.events)
            self.times.append(change.committed_ms)
            for upsert in plan.upserts:
                if isinstance(upsert, EdgeUpsert):
                    self.edges[upsert.relation] += 1
                    nodes |= {upsert.src, upsert.dst}
                elif isinstance(upsert, LabelUpsert):
                    self.labels[upsert.fraud] += 1
                    self.delays.add(upsert.known_ms - change.committed_ms)
                elif isinstance(upsert, NodeUpsert):
                    nodes.add(upsert.key)
        self.nodes = Counter(node.partition(":")[0] for node in nodes)


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_shipped_mapping_is_good(name: str) -> None:
    """And carries the schema its editor checks it by."""
    path = SHIPPED.parent / f"{name}.toml"
    assert Mapping.load(path, b"k" * 32).relations
    assert path.read_text().startswith("#:schema mapping.schema.json\n")


def test_the_shipped_schema_is_the_models() -> None:
    """Made anew by: ringwatch mapping schema > graph/mappings/mapping.schema.json."""
    assert SHIPPED.read_text(encoding="utf-8") == schema_text()


def test_registrations_of_aws() -> None:
    """20,000 events, 1,004 fraud, e-mails and IPs shared; in the order of time, known after a week."""
    read = Read("aws-registration-20k")
    assert (read.events, read.refused, read.times == sorted(read.times)) == (20_000, [], True)
    assert read.labels == {True: 1_004, False: 18_996} and read.delays == {7 * DAY_MS}
    assert read.nodes == {"Contact": 1_494, "IP": 1_324}


def test_transactions_of_2512() -> None:
    """Accounts, devices, addresses, merchants; no label, and nothing of the nonsensical column."""
    read = Read("bank-transactions-2512")
    assert (read.events, read.refused, read.labels) == (2_512, [], {})
    assert read.nodes == {"Account": 495, "Device": 681, "IP": 592, "Merchant": 100}
    assert "PreviousTransactionDate" not in read.mapping.file.model_dump_json()


def test_payments_of_s_ffsd() -> None:
    """An order and no clock; two thirds unlabelled; known 1,000 rows later."""
    read = Read("s-ffsd")
    assert (read.events, read.refused) == (77_881, [])
    assert read.labels == {False: 24_387, True: 5_256} and read.delays == {1_000_000}
    assert read.nodes == {"Payer": 30_346, "Payee": 886, "Location": 296}
    assert read.times == [step * 1_000 for step in range(77_881)]


def test_payments_of_the_handbook() -> None:
    """The first 60,000 (of 1.46 million): each labelled, known 7 days later; the answer's detail is not read."""
    read = Read("handbook-card-terminal", 60_000)
    assert (read.events, read.refused, read.labels.total()) == (60_000, [], 60_000)
    assert read.delays == {7 * DAY_MS} and read.times == sorted(read.times)
    assert "TX_FRAUD_SCENARIO" not in read.mapping.file.model_dump_json()


def test_the_czech_bank_s_files() -> None:
    """As its tables in a database; the broken last line is refused by its number."""
    read = Read("berka-1999-partial")
    assert [(refused.table, "has 4 cells" in refused.reason) for refused in read.refused] == [("trans", True)]
    assert read.refused[0].place.endswith("trans.asc.gz:49104")
    assert (read.nodes["User"], read.nodes["Loan"]) == (5_369, 682)
    edges = {"OWNS": 5_369, "STANDING_ORDER": 6_471, "BORROWS": 682, "TRANSFER": 10_115, "CASH": 29_524}
    assert read.edges == edges and read.events == 10_115 + 29_524
