"""`ringwatch bench engine`: what each engine takes for the network's logits, beside PyG's RGCNConv in the same run.

Random weights on random graphs: the time does not hang on what was learned. Two networks as wide as the demo bank's:
one that reads edge attributes, as it serves, and one that reads none, so that RGCNConv computes the same. Engines take
turns, pass by pass, and a ratio is the median of the turns' ratios: what else the machine does hits both. An engine
finds the cache as another left it, as in a scorer, where features are made between passes: by itself it is faster.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from deploy.benches.rgcn import Rgcn
from deploy.figures import Figure, figure, report
from scoring.core.architecture import Architecture
from scoring.core.backend import CPU, difference
from scoring.core.batch import GraphBatch
from scoring.core.metrics import pr_auc
from scoring.core.network import EventNetwork
from scoring.core.random_batch import Shape, random_batch
from scoring.inference.choose import EAGER, LIMITS, candidates, choose
from scoring.inference.engines import Eager, InferenceEngine

WIDE = Architecture(nodes=64, attributes=17, event=201, relations=5)
USUAL = (130, 200)  # nodes and edges around an event of the demo bank
SMALLEST, LARGEST = (50, 77), (300, 462)  # the range, as many edges a node
BATCHES = (1, 16, 32, 256)
EQUAL = 1e-4  # of a logit, RGCNConv's from ours
BARS = {1: 5.0, 256: 2.0}  # times RGCNConv's events a second
SHARE = 0.05  # of the made-up labels
LEAST_TURNS = 7

err = Console(stderr=True, highlight=False)

Seconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Run:
    """One size of batch: its name in figures, and how long it is measured."""

    name: str
    batch: GraphBatch
    for_s: float


def run_engine_bench(for_s: float, as_json: bool) -> int:
    """Measure every size of batch for so many seconds; returns the exit status."""
    torch.set_num_threads(1)
    if not torch.cuda.is_available():
        err.print("no CUDA device here: engines of the CPU only, fp16, bf16 and CUDA graphs are left out")
    torch.manual_seed(0)
    figures = _as_it_serves(EventNetwork(WIDE).eval(), for_s)
    figures += _beside_rgcn(EventNetwork(replace(WIDE, attributes=0)).eval(), for_s)
    done = report("engine", figures)
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def _batch(network: EventNetwork, events: int, around: tuple[int, int] = USUAL) -> GraphBatch:
    return random_batch(network.architecture, Shape(events, *around), seed=events)


def _as_it_serves(network: EventNetwork, for_s: float) -> list[Figure]:
    """Latency, events a second and difference of each engine, edge attributes read."""
    engines, figures = _engines(network), list[Figure]()
    for events in BATCHES:
        run = Run(str(events), _batch(network, events), for_s)
        for name, took in _in_turn(engines, run).items():
            figures += _latency(f"{name}@{run.name}", took, events)
    return figures + _differences(network, engines)


def _latency(name: str, took: Seconds, events: int) -> list[Figure]:
    middle = float(np.median(took))
    return [
        figure(f"p50_{name}", 1e3 * middle, "ms"),
        figure(f"p99_{name}", 1e3 * float(np.percentile(took, 99)), "ms"),
        figure(f"event_{name}", 1e6 * middle / events, "us"),
        figure(f"qps_{name}", events / middle, "events/s", better="higher"),
    ]


def _differences(network: EventNetwork, engines: Mapping[str, InferenceEngine]) -> list[Figure]:
    """Of logits, in millionths; and of PR-AUC on labels made up from the network's own logits and noise."""
    batch = _batch(network, BATCHES[-1])
    truth = CPU.logits(network, batch)
    noisy = truth + truth.std() * torch.randn(len(truth))
    target = (noisy >= noisy.quantile(1 - SHARE)).numpy()
    own, figures = pr_auc(target, truth.double().numpy()), list[Figure]()
    for name, engine in engines.items():
        found, limit = engine.logits(batch), LIMITS[engine.precision]
        figures += [
            figure(f"logit_difference_{name}", 1e6 * difference([found], [truth]), "1e-6", 1e6 * limit),
            figure(f"pr_auc_difference_{name}", abs(pr_auc(target, found.double().numpy()) - own), "PR-AUC"),
        ]
    return figures


def _beside_rgcn(network: EventNetwork, for_s: float) -> list[Figure]:
    """How many times RGCNConv's events a second each engine and the choice reach, at equal outputs."""
    engines, yardstick, figures = _engines(network), Rgcn(network), list[Figure]()
    makes = {name: lambda engine=engine: engine for name, engine in engines.items() if name != EAGER}
    chosen = choose(network, [_batch(network, events) for events in BATCHES], err.print, makes)
    err.print(", ".join(f"{chosen.of(events).name} at {events}" for events in BATCHES))
    engines |= {"chosen": chosen, yardstick.name: yardstick}
    for run in _runs(network, for_s):
        apart = difference([yardstick.logits(run.batch)], [chosen.logits(run.batch)])
        figures.append(figure(f"logit_difference_rgcn_chosen@{run.name}", 1e6 * apart, "1e-6", 1e6 * EQUAL))
        took = _in_turn(engines, run)
        theirs = took.pop(yardstick.name)
        figures += _latency(f"{yardstick.name}@{run.name}", theirs, len(run.batch))
        for name, ours in took.items():
            bar = BARS.get(len(run.batch)) if name == "chosen" else None
            times = float(np.median(theirs / ours))
            figures.append(figure(f"times_rgcn_{name}@{run.name}", times, "ratio", bar, "higher"))
    return figures


def _runs(network: EventNetwork, for_s: float) -> list[Run]:
    sizes = [Run(f"1x{around[0]}", _batch(network, 1, around), for_s / 2) for around in (SMALLEST, USUAL, LARGEST)]
    return sizes + [Run(str(events), _batch(network, events), for_s) for events in BATCHES[1:]]


def _engines(network: EventNetwork) -> dict[str, InferenceEngine]:
    """The network itself and whatever else there is here."""
    found: dict[str, InferenceEngine] = {EAGER: Eager(network)}
    for name, make in candidates(network).items():
        try:
            found[name] = make()
        except RuntimeError as reason:
            err.print(f"{name} is left out: {reason}")
    return found


def _in_turn(engines: Mapping[str, InferenceEngine], run: Run) -> dict[str, Seconds]:
    """Seconds of each pass, engine by engine, in an order drawn anew for each turn."""
    order, names, took = random.Random(0), list(engines), {name: list[float]() for name in engines}
    for engine in engines.values():
        engine.logits(run.batch)  # compiles, records or allocates what this size needs
    gc.collect()
    gc.disable()
    stop = time.perf_counter() + run.for_s
    while time.perf_counter() < stop or len(took[names[0]]) < LEAST_TURNS:
        for name in order.sample(names, len(names)):
            started = time.perf_counter()
            engines[name].logits(run.batch)
            took[name].append(time.perf_counter() - started)
    gc.enable()
    return {name: np.array(each) for name, each in took.items()}
