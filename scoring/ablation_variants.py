"""The variants of an ablation: what each switches against the base, a plain relational network of two layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from scoring.ablation import Technique
from scoring.core.decomposition import Decomposition


@dataclass(frozen=True, slots=True)
class Reads:
    """What a variant reads of its events.

    Attributes:
        past: the long look back at both ends, as event features.
        labels: what was known of earlier events: in node, edge and event features and in the long look back.
        topology: persistent homology of each neighbourhood.
        shuffled: each event gets another one's neighbourhood and past, in training and test alike.
    """

    past: bool = True
    labels: bool = True
    topology: bool = False
    shuffled: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """The base with one thing changed.

    Attributes:
        name: in the ledger, the table and the JSON form.
        title: of the technique, for people.
        without: the base has the technique, and this is the base without it.
        options: of the `Architecture`.
        fitting: of the `FitSettings`.
        reads: of the events.
        tuning: what finds rate and decay; `none` leaves them as they are.
    """

    name: str
    title: str
    without: bool = False
    options: Mapping[str, object] = field(default_factory=dict)
    fitting: Mapping[str, object] = field(default_factory=dict)
    reads: Reads = Reads()
    tuning: Literal["none", "hypergradient", "random"] = "none"

    @property
    def technique(self) -> Technique:
        """As the table has it."""
        return Technique(self.name, self.title, self.without)

    @property
    def taught(self) -> bool:
        """Whether a larger network is trained first, to learn from."""
        return self.fitting.get("distil", "none") != "none"


BASE = Variant("base", "relational network, 2 layers, 32 hidden")
SHUFFLED = Variant("shuffled", "edges shuffled", reads=Reads(shuffled=True))
TEACHER = Variant("teacher", "relational network, 3 layers, 64 hidden", options={"hidden": 64, "layers": 3})
# The cheap ones first: what is last is left out for want of time. Structure learning with two rounds trains 35 times as
# long as the base (dense, graph by graph), so it takes one.
VARIANTS = (
    Variant("past", "long look back as event features", without=True, reads=Reads(past=False)),
    Variant("labels", "known labels of neighbours", without=True, reads=Reads(labels=False)),
    Variant("average", "moving average of the weights", fitting={"average": 0.9}),
    Variant("focal", "focal loss, gamma 2", fitting={"focus": 2.0}),
    Variant("bases", "basis decomposition, 2 bases", options={"decomposition": Decomposition(bases=2)}),
    Variant("blocks", "block decomposition, 4 blocks", options={"decomposition": Decomposition(blocks=4)}),
    Variant("clock_log", "time encoding, log seconds", options={"clock": "log"}),
    Variant("clock_linear", "time encoding, seconds", options={"clock": "linear"}),
    Variant("ports", "port numbers", options={"ports": True}),
    Variant("attend", "attention of the event to its edges", options={"attend": True}),
    Variant("directed", "directed edge convolution with a GRU", options={"body": "directed"}),
    Variant("fused", "granularity fusion, 2 heads", options={"body": "fused", "heads": 2}),
    Variant("distil_schedule", "distillation, temperature by schedule", fitting={"distil": "schedule"}),
    Variant("distil_entropy", "distillation, temperature by entropy", fitting={"distil": "entropy"}),
    Variant("hypergradient", "rate and decay by hypergradient", tuning="hypergradient"),
    Variant("random_search", "rate and decay by random search, same compute", tuning="random"),
    Variant("topology", "topology features of the neighbourhood", reads=Reads(topology=True)),
    Variant("structure", "structure learning, 1 round", options={"rounds": 1}),
)
NAMES = tuple(variant.name for variant in VARIANTS)
