"""What each model said of each event of a test set: all that reports, comparisons and ablations are made from.

On the disk one .npz: the arrays, and a JSON head under the name `head`. Nothing is pickled.

Shapes: B events, S seeds.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.columns import Floats, Ints
from scoring.dataset import Flags
from scoring.disk import replace_file

FORMAT = 1
FEWEST_SEEDS = 5  # of each model that draws any chance at all; reports name what has fewer


class OutcomeError(Exception):
    """Outcomes can't be used, or not together: the message says which, what is wrong and the mend."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every event of a test set, untouched class balance, each counting once.

    Attributes:
        name: of the test set.
        ids: [B] event ids.
        time_ms: [B] event times.
        target: [B] the truth.
        said: each model's calibrated probabilities [S, B], one row a seed.
        titles: each model's name for people.
        cost_ms: milliseconds an event, of the models whose cost was measured.
        ours: models to be measured against the strongest of the others.
        bars: others that ours are measured against as well, because somebody named them as what is to be beaten.
        groups: by name, what ties events together, such as the paying account [B]: numbers, 0 and up.
        notes: by heading, what a reader has to know: how it was split, what delay, which seeds.
        control: a model, the same trained and tested on shuffled edges, and the rival that reads no edges; or ().
        kinds: what kind of fraud each positive is [B], empty text elsewhere; None where nobody knows.
    """

    name: str
    ids: NDArray[np.str_]
    time_ms: Ints
    target: Flags
    said: Mapping[str, Floats]
    titles: Mapping[str, str]
    cost_ms: Mapping[str, float] = field(default_factory=dict)
    ours: tuple[str, ...] = ()
    groups: Mapping[str, Ints] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    bars: tuple[str, ...] = ()
    kinds: NDArray[np.str_] | None = None
    control: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no figure can be had of.

        Raises:
            OutcomeError: nothing to find, shapes that differ, probabilities that are none, a name that is unknown.
        """
        for problem in _problems(self):
            raise OutcomeError(f"test set {self.name}: {problem}")

    def __len__(self) -> int:
        """How many events."""
        return len(self.ids)

    def title(self, model: str) -> str:
        """The model's name for people."""
        return self.titles.get(model, model)

    def of(self, models: Iterable[str]) -> Outcome:
        """The same with these models only."""
        kept = list(models)
        ours, bars = (tuple(model for model in named if model in kept) for named in (self.ours, self.bars))
        control = self.control if set(self.control) <= set(kept) else ()
        said = {model: self.said[model] for model in kept}
        return replace(self, said=said, ours=ours, bars=bars, control=control)

    def save(self, path: Path) -> None:
        """Write it; a file of that name is replaced as a whole, or not at all."""
        names = {"said": list(self.said), "groups": list(self.groups)}
        head = {"format": FORMAT, "name": self.name, "titles": dict(self.titles), "cost_ms": dict(self.cost_ms),
                "ours": self.ours, "bars": self.bars, "control": self.control, "notes": dict(self.notes),
                **names}  # fmt: skip
        arrays: dict[str, NDArray[Any]] = {"head": np.frombuffer(msgspec.json.encode(head), np.uint8)}
        arrays |= {"ids": np.asarray(self.ids, np.str_), "time_ms": self.time_ms, "target": self.target}
        arrays |= {f"said_{place}": self.said[model] for place, model in enumerate(self.said)}
        arrays |= {f"group_{place}": self.groups[name] for place, name in enumerate(self.groups)}
        arrays |= {} if self.kinds is None else {"kinds": np.asarray(self.kinds, np.str_)}
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = io.BytesIO()
        np.savez_compressed(whole, allow_pickle=False, **arrays)
        replace_file(path, whole.getvalue())


class _Head(msgspec.Struct, frozen=True):
    format: int
    name: str
    titles: dict[str, str]
    cost_ms: dict[str, float]
    ours: tuple[str, ...]
    notes: dict[str, str]
    said: list[str]
    groups: list[str]
    bars: tuple[str, ...] = ()
    control: tuple[str, ...] = ()


def load(path: Path) -> Outcome:
    """Read what `Outcome.save` wrote.

    Raises:
        OutcomeError: there is no such file, or it is damaged or of another format.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            head = msgspec.json.decode(arrays["head"].tobytes(), type=_Head)
            if head.format != FORMAT:
                raise OutcomeError(f"{path}: format {head.format}, this code reads {FORMAT}; evaluate again")
            said = {model: arrays[f"said_{place}"] for place, model in enumerate(head.said)}
            groups = {name: arrays[f"group_{place}"] for place, name in enumerate(head.groups)}
            return Outcome(
                head.name, arrays["ids"], arrays["time_ms"], arrays["target"], said, head.titles, head.cost_ms,
                head.ours, groups, head.notes, head.bars, arrays.get("kinds"), head.control,
            )  # fmt: skip
    except FileNotFoundError:
        raise OutcomeError(f"{path}: no such file; `ringwatch evaluate --keep {path}` writes one") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, msgspec.DecodeError) as error:
        raise OutcomeError(f"{path}: no outcome can be read from it ({error}); evaluate again") from error


def _problems(outcome: Outcome) -> Iterable[str]:
    events = len(outcome.ids)
    if not outcome.said:
        yield "no model said anything; evaluate at least one"
    if not outcome.target.any() or outcome.target.all():
        yield f"{events} events of one class; take a range that has both"
    kinds = {} if outcome.kinds is None else {"kinds": outcome.kinds}
    rows: dict[str, NDArray[Any]] = {
        "time_ms": outcome.time_ms, "target": outcome.target, **outcome.groups, **kinds
    }  # fmt: skip
    yield from (f"{name} has shape {row.shape}, there are {events} ids" for name, row in rows.items()
                if row.shape != (events,))  # fmt: skip
    if outcome.kinds is not None and outcome.kinds.shape == (events,) and (outcome.kinds[~outcome.target] != "").any():
        yield "kinds names a kind of fraud where there was none; leave it empty there"
    for model, scores in outcome.said.items():
        if scores.ndim != 2 or scores.shape[1] != events or not len(scores):
            yield f"{model} said shape {scores.shape}, [S, {events}] is wanted: a row a seed"
        elif not ((scores >= 0) & (scores <= 1)).all():
            yield f"{model} said what is no probability; calibrate it first"
    yield from (f"{model} is ours but said nothing" for model in outcome.ours if model not in outcome.said)
    yield from (f"{model} is to be beaten but said nothing" for model in outcome.bars if model not in outcome.said)
    yield from (f"{model} is of the control but said nothing" for model in outcome.control if model not in outcome.said)
    if len(outcome.control) not in (0, 3):
        yield f"control names {len(outcome.control)} models; three are wanted: a model, its shuffled twin, a rival"


def joined(first: Outcome, second: Outcome) -> Outcome:
    """Two outcomes of one test set as one, to compare all their models; events in the first one's order.

    A model both have stays one if both said the same, else the second's is called `NAME@2`.

    Raises:
        OutcomeError: they are not of the same events, or the truth differs.
    """
    place = _places(first, second)
    if (second.target[place] != first.target).any():
        raise OutcomeError(f"{first.name} and {second.name}: the truth differs; evaluate both on the same labels")
    moved = {model: scores[:, place] for model, scores in second.said.items()}
    same = {model for model, scores in moved.items() if np.array_equal(first.said.get(model, ()), scores)}
    called = {model: f"{model}@2" if model in first.said else model for model in moved if model not in same}
    titles = {new: second.title(old) + (" (second)" if new != old else "") for old, new in called.items()}
    kinds = second.kinds[place] if first.kinds is None and second.kinds is not None else first.kinds
    return replace(
        first,
        kinds=kinds,
        said={**first.said, **{new: moved[old] for old, new in called.items()}},
        titles={**first.titles, **titles},
        cost_ms={**first.cost_ms, **{called[m]: ms for m, ms in second.cost_ms.items() if m in called}},
        ours=(*first.ours, *(called[model] for model in second.ours if model in called)),
        notes={**{f"{key} (second)": said for key, said in second.notes.items() if first.notes.get(key) != said},
               **first.notes},
    )  # fmt: skip


def _places(first: Outcome, second: Outcome) -> Ints:
    """Where each event of the first stands in the second [B]."""
    mine, theirs = np.argsort(first.ids), np.argsort(second.ids)
    if len(first) != len(second) or (first.ids[mine] != second.ids[theirs]).any():
        alone = len(np.setxor1d(first.ids, second.ids))
        raise OutcomeError(
            f"{first.name} and {second.name}: {alone:,} events are in one of them only; evaluate both on one test set"
        )
    place = np.empty(len(mine), np.int64)
    place[mine] = theirs
    return place
