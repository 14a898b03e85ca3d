"""Everything one training seed gives: the network, the baselines, trees that read the network, and their blend.

Shapes: B events.
"""

from __future__ import annotations

from dataclasses import dataclass

from scoring.baseline import Matrix
from scoring.blend import Blend, blended
from scoring.columns import Floats
from scoring.core.calibration import Calibration, chosen, or_unchanged
from scoring.core.fit import Progress
from scoring.core.metrics import pr_auc
from scoring.core.network import EventNetwork
from scoring.folds import FOLDS, ExperimentSettings, Grown, Networks, Slice, Tell, grown, networks_of
from scoring.rows import Rows
from scoring.schema import FeatureSchema
from scoring.telling import NOBODY, Told

READS_ALL, READS_NETWORK = "lightgbm_graph", "lightgbm_network"  # trees in the blend, by name
SHUFFLED = "lightgbm_shuffled"  # as the second, each with another event's neighbourhood


@dataclass(frozen=True, slots=True)
class Run:
    """Everything one seed gave.

    Attributes:
        network: the R-GCN, trained on all there is.
        trees: the baselines, and the trees that read the network, by name.
        blend: of network, `READS_ALL` and `READS_NETWORK`: the hybrid.
        calibrations: what the logits of `network` and of `hybrid` mean.
        newest: probabilities [B] that both gave the newest slice before it was trained on.
        pr_auc: of those.
    """

    seed: int
    network: EventNetwork
    trees: dict[str, Grown]
    blend: Blend
    calibrations: dict[str, Calibration]
    newest: dict[str, Floats]
    pr_auc: dict[str, float]

    def said(self, rows: Rows, logit: Floats) -> dict[str, Floats]:
        """What each model says of events with these rows and this logit [B] of the network: calibrated [B]."""
        matrices = _matrices(rows, logit, compared=True)
        raw = {name: self.trees[name].trees.logit(matrix) for name, matrix in matrices.items()}
        found = {name: self.trees[name].calibration.probability(each) for name, each in raw.items()}
        own = {"network": logit, "hybrid": self.blend.logit(logit, raw[READS_ALL], raw[READS_NETWORK])}
        return found | {name: self.calibrations[name].probability(each) for name, each in own.items()}


def _matrices(rows: Rows, logit: Floats, compared: bool) -> dict[str, Matrix]:
    """What trees read of events with these rows and this logit [B] of the network: the blend's, or all of a table."""
    blend = {READS_ALL: rows.graph, READS_NETWORK: rows.with_network(logit)}
    return rows.named() | blend | {SHUFFLED: rows.shuffled(logit)} if compared else blend


def epochs_told(told: Told, place: int, seeds: int, share: float = 1.0) -> Tell:
    """Whom to tell of a seed's epochs, `place` of so many, where all trainings are a share of what is done."""

    def tell(network: int, progress: Progress) -> None:
        epoch = progress.epoch + 1
        text = f"seed {place + 1} of {seeds}: network {network} of {FOLDS}, epoch {epoch} of {progress.epochs}"
        told.at(text, share * (place + (network - 1 + epoch / progress.epochs) / FOLDS) / seeds)

    return tell


def runs_of(
    recipe: ExperimentSettings, schema: FeatureSchema, learn: Slice, told: Told = NOBODY, compared: bool = True
) -> list[Run]:
    """Train every seed: networks on one fold more each, and what grows from them; see `run_from`."""
    runs = list[Run]()
    for place, seed in enumerate(recipe.seeds):
        tell = epochs_told(told, place, len(recipe.seeds))
        runs.append(run_from(recipe, seed, learn, networks_of(recipe, schema, seed, learn, told.say, tell), compared))
        told.say(f"seed {seed}: PR-AUC {runs[-1].pr_auc['hybrid']:.3f} on the newest slice, before it was trained on")
    return runs


def run_from(recipe: ExperimentSettings, seed: int, learn: Slice, networks: Networks, compared: bool = True) -> Run:
    """Grow trees beside networks that are trained, and blend them.

    `compared`: also those that only stand beside in a table, without which there is no `Run.said`.
    """
    matrices = _matrices(learn.rows, networks.before, compared)
    trees = {name: grown(recipe, seed, learn, matrix) for name, matrix in matrices.items()}
    newest, teaching = learn.newest, learn.teaching
    target, weight = teaching.target[newest], teaching.weight[newest]
    members = networks.before[newest], trees[READS_ALL].newest, trees[READS_NETWORK].newest
    blend = blended(*members, target, weight)
    logits = {"network": networks.before[newest], "hybrid": blend.logit(*members)}
    calibrations = {name: or_unchanged(chosen, logit, target, weight) for name, logit in logits.items()}
    said = {name: calibrations[name].probability(logit) for name, logit in logits.items()}
    figures = {name: pr_auc(target, each, weight) for name, each in said.items()}
    return Run(seed, networks.last, trees, blend, calibrations, said, figures)
