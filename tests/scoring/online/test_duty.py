"""Who scores, and how that changes."""

from __future__ import annotations

from typing import Any

import pytest

from graph.model import Caps
from scoring.engine import RuleEngine
from scoring.online.duty import Duty
from scoring.promotions import Role


class Flag:
    """A watch that says what it is told."""

    def __init__(self) -> None:
        self.due = False

    def changed(self) -> bool:
        due, self.due = self.due, False
        return due


class Models:
    """What is promoted, by role."""

    def __init__(self, **models: Any) -> None:
        self.models: dict[str, Any] = models
        self.loaded: list[str] = []

    def load(self, role: Role) -> RuleEngine | None:
        self.loaded.append(role)
        found = self.models.get(role)
        if isinstance(found, Exception):
            raise found
        return found


def named(name: str) -> RuleEngine:
    engine = RuleEngine(Caps())
    engine.model = name
    return engine


def test_what_is_promoted_takes_over_at_the_next_batch() -> None:
    """Not before it was looked for, and no batch has two models."""
    models, watch = Models(main=named("first")), Flag()
    duty = Duty(models.load, {"main": watch})
    models.models["main"] = named("second")
    assert duty.take()[0].model == "first"
    watch.due = True
    duty.look()
    assert duty.take()[0].model == "second"


def test_a_model_that_cannot_be_loaded_changes_nothing() -> None:
    """The one on duty goes on, and why is said."""
    models, watch = Models(main=named("first")), Flag()
    duty = Duty(models.load, {"main": watch})
    models.models["main"], watch.due = OSError("the folder is gone"), True
    duty.look()
    assert duty.take()[0].model == "first" and duty.refused == "main: the folder is gone"
    models.models["main"], watch.due = named("second"), True
    duty.look()
    assert duty.take()[0].model == "second" and duty.refused is None


def test_at_the_start_a_broken_model_is_not_passed_over() -> None:
    with pytest.raises(OSError, match="gone"):
        Duty(Models(main=OSError("gone")).load)


def test_a_broken_model_that_is_only_compared_keeps_nobody_from_scoring() -> None:
    duty = Duty(Models(main=named("first"), shadow=OSError("gone")).load)
    assert duty.take()[0].model == "first" and duty.take()[1] is None and duty.refused == "shadow: gone"


def test_a_shadow_comes_and_goes() -> None:
    models, watch = Models(main=named("first"), shadow=named("beside")), Flag()
    duty = Duty(models.load, {"shadow": watch})
    assert [scorer and scorer.model for scorer in duty.take()] == ["first", "beside"]
    models.models["shadow"], watch.due = None, True
    duty.look()
    assert duty.take()[1] is None


def test_nobody_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="nobody is to score"):
        Duty(Models().load)
