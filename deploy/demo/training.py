"""Train and evaluate on the demo bank: bank → mapping → mirror → subgraphs as of each event → models.

The one place where training meets the truth, and only to evaluate. Run it with
`python -m deploy.demo.training` (an hour and a half beside other work, and 7 GB).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections import ChainMap
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from deploy.compiled_cache import drop_stale
from deploy.config import SHIPPED
from deploy.demo.bank import Bank
from deploy.demo.bar import bar_lines, bar_rows
from deploy.demo.change import RowChange
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.figures import machine
from graph.mapping import Mapping
from graph.mirror import Mirror
from graph.model import Caps, Event
from ingest.events import Change, Position
from scoring.cells import Sampler
from scoring.dataset import Collector, Cuts, Dataset, LabelBook, merge, thinned
from scoring.evaluate import Holdout, folder_outcome, outcome
from scoring.folds import ExperimentSettings
from scoring.measured import Measured, Settings, measure
from scoring.outcome import Outcome
from scoring.report import figures_of, headline, kinds_of, models_of, table
from scoring.schema import FeatureSchema, schema_of
from scoring.telling import Told
from scoring.train import Card, TrainingData, TrainSettings, ship, train

MAPPING = Path(__file__).with_name("mapping.toml")
RESULTS = Path(__file__).parents[2] / "docs" / "results"
COMMAND = "python -m deploy.demo.training"
EPOCHS = 3
WORDS = {
    "TRANSFER": [("channel", channel) for channel in ("app", "card", "standing", "web")],
    "MODIFY": [("field", field) for field in ("phone", "email", "address")],
}
SHOWN = ("pr_auc", "roc_auc", "recall_at_fpr_0.001", "recall_at_fpr_0.01", "recall_at_fpr_0.023",
         "recall_at_fpr_0.051", "precision_at_10_a_day", "ece")  # fmt: skip
MEASURED = Settings(a_day=10)  # a bank of 1,000 customers has 2,000 events a day, 10 of them fraud


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. The demo runs seed 7, which is none of these.

    Attributes:
        train_seeds: banks to train on; the first `later` of them are tested on a later range as well.
        unseen_seed: a bank that no model has seen.
        warm, train, calibrate, gap, test: days of each part, in this order.
        one_in: of the events nobody reported, one in so many is trained on, with that weight.
    """

    train_seeds: tuple[int, ...] = (101, 102, 103, 104, 106, 107, 108, 109)
    later: int = 2
    unseen_seed: int = 105
    users: int = 1_000
    warm: int = 10
    train: int = 24
    calibrate: int = 8
    gap: int = 6
    test: int = 10
    one_in: int = 8

    def cuts(self) -> Cuts:
        """The split in time, the same for every bank."""
        start = BankSettings().start_ms + self.warm * DAY_MS
        marks = [start + days * DAY_MS for days in (0, self.train, self.train + self.calibrate)]
        cut = marks[2] + self.gap * DAY_MS
        return Cuts(marks[0], marks[1], marks[2], cut, cut + self.test * DAY_MS)


@dataclass(frozen=True, slots=True)
class BankData:
    """One bank's events by part, what stood reported at the cut, and the truth: which events, of what typology."""

    parts: dict[str, Dataset]
    reported: set[str]
    truth: dict[str, str]


def demo_mapping() -> Mapping:
    """The demo bank's mapping, under a key that is nobody's secret: the demo has no real contacts."""
    return Mapping.load(MAPPING, b"ringwatch demo bank, no secret")


def demo_schema() -> FeatureSchema:
    """The features of the demo bank's graph."""
    mapping = demo_mapping()
    relations = {r.name: (r.source, r.target, r.numeric) for r in mapping.relations}
    categories = {r.name: r.categories for r in mapping.relations}
    return schema_of(relations, mapping.labels, WORDS, categories)


def change_of(row: RowChange, number: int) -> Change:
    """The simulator's change as one of a log, `number` as its place."""
    position = Position("bank", 0, True, 1, number)
    return Change(row.table, {"id": row.row_id}, row.op, row.before, row.after, position, row.at_ms)


def reported_at(seed: int, plan: Plan, by_ms: int) -> set[str]:
    """A first pass over a bank: which events stood reported as fraud at a time."""
    mapping, book = demo_mapping(), LabelBook(f"bank{seed}")
    for number, row in enumerate(_bank(seed, plan).changes(), 1):
        if row.table == "fraud_reports":
            for upsert in mapping.plan(change_of(row, number)).upserts:
                book.add(upsert)
    return book.fraud(by_ms)


def simulate(seed: int, plan: Plan, wanted: Sequence[str], caps: Caps) -> BankData:
    """Run a bank through mapping and mirror, and keep the wanted parts (train, calibrate, test).

    An event is read the moment its change arrives, so nothing later exists yet.
    """
    cuts, name = plan.cuts(), f"bank{seed}"
    reported = reported_at(seed, plan, cuts.cut_ms)
    bank, mapping, mirror, schema = _bank(seed, plan), demo_mapping(), Mirror(), demo_schema()
    collectors, sampler = {part: Collector(name, schema) for part in wanted}, Sampler(mirror, schema)
    for number, row in enumerate(bank.changes(), 1):
        planned = mapping.plan(change_of(row, number))
        mirror.apply(planned.upserts)
        for event in planned.events:
            part = cuts.part(event.time_ms)
            weight = _weight(event, part, plan, f"{name}/{event.id}" in reported)
            if part in collectors and weight:
                collectors[part].add(mirror.subgraphs([event], caps)[0], weight, sampler.past([event])[0])
    roles = {table: edge.role for table, rule in mapping.file.tables.items() for edge in rule.edges if edge.event}
    truth = {f"{name}/{row.event_table}:{row.event_id}:{roles[row.event_table]}": row.typology for row in bank.truth}
    return BankData({part: collector.dataset() for part, collector in collectors.items()}, reported, truth)


def _bank(seed: int, plan: Plan) -> Bank:
    days = plan.warm + plan.train + plan.calibrate + plan.gap + plan.test
    return Bank(BankSettings(seed=seed, users=plan.users, days=days))


def _weight(event: Event, part: str | None, plan: Plan, reported: bool) -> float:
    """How many events it stands for: 0 leaves it out. Test events are never thinned."""
    if event.kind != "new":
        return 0.0
    if part == "test" or reported:
        return 1.0
    return float(plan.one_in) if thinned(event.id, plan.one_in) else 0.0


def gather(plan: Plan, caps: Caps, workers: int) -> dict[int, BankData]:
    """Simulate every bank, `workers` at a time."""
    jobs = {
        seed: ["train", "calibrate"] + ["test"] * (place < plan.later) for place, seed in enumerate(plan.train_seeds)
    }
    jobs[plan.unseen_seed] = ["test"]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = {seed: pool.submit(simulate, seed, plan, parts, caps) for seed, parts in jobs.items()}
        banks = {}
        for seed, future in waiting.items():
            banks[seed] = future.result()
            print(
                f"bank {seed}: {', '.join(f'{len(d)} to {part}' for part, d in banks[seed].parts.items())}", flush=True
            )
        return banks


def training_data(plan: Plan, caps: Caps, banks: dict[int, BankData]) -> TrainingData:
    """What models may see: no truth."""
    mine = [banks[seed] for seed in plan.train_seeds]
    train_part, calibrate_part = (merge([bank.parts[part] for bank in mine]) for part in ("train", "calibrate"))
    return TrainingData(demo_schema(), caps, train_part, calibrate_part, set().union(*(bank.reported for bank in mine)))


def holdouts(plan: Plan, banks: dict[int, BankData]) -> list[Holdout]:
    """A later range of banks that were trained on, and a bank that was not."""
    later, unseen = [banks[seed] for seed in plan.train_seeds[: plan.later]], banks[plan.unseen_seed]
    return [holdout("later", later), holdout("unseen", [unseen])]


def holdout(name: str, banks: Sequence[BankData]) -> Holdout:
    """The test range of some banks, with their truth."""
    truth = dict(ChainMap(*(bank.truth for bank in banks)))
    return Holdout(name, merge([bank.parts["test"] for bank in banks]), truth.keys(), truth)


def noted(said: Outcome, plan: Plan) -> Outcome:
    """With what a reader has to know of how it was made."""
    split = (
        f"by time: {plan.warm} days to warm up, {plan.train} to train, {plan.calibrate} to calibrate, "
        f"{plan.gap} left out, {plan.test} to test. Every test event counts; "
        f"of those nobody reported, one in {plan.one_in} is trained on."
    )
    delay = "models learn from labels as reported by the cut (late, some never, a few wrong), and meet the truth here."
    caution = "simulated data: these figures compare models, they promise nothing about a real bank."
    rules = "their score is no probability, so their ECE and Brier say little."
    return replace(said, notes={"Split": split, "Delay": delay, **said.notes, "Rules": rules, "Caution": caution})


def report(results: Sequence[Measured], plan: Plan, command: str) -> dict[str, object]:
    """The one JSON form of figures (DESIGN.md)."""
    return {
        "bench": "evaluate",
        "version": version("ringwatch"),
        "machine": machine(),
        "command": command,
        "plan": asdict(plan),
        "figures": [*figures_of(results), *bar_rows(results)],
        "models": models_of(results),
        "kinds": kinds_of(results),
    }


def write_results(folder: Path, results: Sequence[Measured], plan: Plan, command: str) -> None:
    """demo-bank.json and demo-bank.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "demo-bank.json").write_text(json.dumps(report(results, plan, command), indent=1) + "\n")
    preface = PREFACE.format(command=command, plan=plan, banks=len(plan.train_seeds), bar="\n".join(bar_lines(results)))
    (folder / "demo-bank.md").write_text(preface + table(results, SHOWN))


PREFACE = """# Demo bank: the network beside the rules and the baselines

Made by `{command}`. {banks} simulated banks to train on, labels as reported by the cut (late, some never, a few
wrong); tested against the truth, on every event of a later range of two of them and on a bank no model has seen.
Mean over five seeds. Every model learns from the same events: all that were reported, and one in {plan.one_in} of the
others with that weight; the test ranges are whole. LightGBM is regularised and stopped by log loss (decision 45).

`{plan}`

{bar}

"""


def train_demo(folder: Path, results: Path | None, plan: Plan, settings: TrainSettings, command: str) -> list[Measured]:
    """The whole way: simulate, train, evaluate, write the results and the model folder."""
    caps, workers = Caps((16, 8)), min(2, os.cpu_count() or 1)
    banks = gather(plan, caps, workers)
    data = training_data(plan, caps, banks)
    runs = train(settings, data, Told(lambda line: print(line, flush=True)))
    tests = holdouts(plan, banks)
    found = [measure(noted(outcome(runs, test, data.schema), plan), MEASURED) for test in tests]
    if results is not None:
        write_results(results, found, plan, command)
    digest = hashlib.sha256(MAPPING.read_bytes()).hexdigest()
    card = Card("demo", digest, "demo bank", command, plan.train_seeds, plan.cuts().cut_ms, dict(headline(found)))
    ship(folder, settings, data, runs, card)
    return found


def evaluate_demo(folder: Path, plan: Plan, seed: int | None = None) -> list[Measured]:
    """A shipped model on the test range of a bank (the plan's unseen one by default): some minutes."""
    chosen = plan.unseen_seed if seed is None else seed
    bank = simulate(chosen, plan, ["test"], Caps((16, 8)))
    name = "unseen" if chosen == plan.unseen_seed else f"bank{chosen}"
    said = folder_outcome(folder, holdout(name, [bank]))
    return [measure(noted(said, plan), MEASURED)]


def main() -> None:
    """Train the demo model, compare it with its baselines, write both."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__)
    parser.add_argument("--out", type=Path, default=SHIPPED, help="the model folder to write")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where demo-bank.json and .md go")
    parser.add_argument("--users", type=int, default=Plan().users, help="customers of each bank")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds each model is trained with")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    args = parser.parse_args()
    plan = Plan(users=args.users)
    settings = TrainSettings(ExperimentSettings(tuple(range(args.seeds)), epochs=args.epochs))
    shape = [(name, getattr(args, name)) for name in ("users", "seeds", "epochs")]
    changed = [f" --{name} {value}" for name, value in shape if value != parser.get_default(name)]
    found = train_demo(args.out, args.results, plan, settings, COMMAND + "".join(changed))
    print(table(found, SHOWN))


if __name__ == "__main__":
    drop_stale()
    main()
