"""What explains alerts beside a scorer: the stack's thread, and the embedded one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from alerts.errors import AlertsError, BadScore
from alerts.explanations import Explanations
from deploy import bootstrap
from deploy.config import Settings
from graph.mirror import Mirror
from ingest.events import Transient
from scoring.engine import Scorer
from scoring.explaining.desk import Desk
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import Explanation
from scoring.explaining.local import Deliver, LocalExplanations
from scoring.explaining.neighbours import KnownFrauds
from scoring.explaining.worker import ExplanationWorker, WorkerSettings
from scoring.online.duty import Duty
from scoring.online.guard import Guard
from scoring.promotions import Role

log = structlog.get_logger("explainer")

KEPT_S = 60.0


def explainer_of(duty: Duty, mirror: Mirror) -> Explainer:
    """What explains the scores of the model on duty; call it when that reads the mirror."""
    return _explainer(duty.now()[0], mirror)


def explained_by(desk: Desk, mirror: Mirror) -> Callable[[Role, Scorer | None], None]:
    """Has whoever takes over be explained as well: for `Duty.changed`. Known frauds are looked at anew by its eyes."""

    def changed(role: Role, scorer: Scorer | None) -> None:
        if role == "main" and scorer is not None:
            desk.use(_explainer(scorer, mirror))

    return changed


def _explainer(scorer: Scorer, mirror: Mirror) -> Explainer:
    return Explainer(scorer.engine if isinstance(scorer, Guard) else scorer, mirror, KnownFrauds(mirror))


def stack_worker(settings: Settings, explainer: Explainer, busy: Callable[[], bool]) -> ExplanationWorker:
    """Reads scores from Kafka and publishes explanations there, when the scorer is not busy; not started yet."""
    at = bootstrap.connections(settings)
    chosen = WorkerSettings(at.kafka_bootstrap, extra=settings.kafka_options)
    return ExplanationWorker(chosen, explainer, bootstrap.publisher(settings), busy)


def local_worker(explainer: Explainer, kept: Explanations, loop: asyncio.AbstractEventLoop) -> LocalExplanations:
    """Explains what it is offered, and puts it beside the alerts in the loop that serves them; not started yet."""
    return LocalExplanations(explainer, _into(kept, loop))


def _into(kept: Explanations, loop: asyncio.AbstractEventLoop) -> Deliver:
    def deliver(made: Sequence[Explanation]) -> None:
        future = asyncio.run_coroutine_threadsafe(kept.accept(made), loop)
        try:
            future.result(KEPT_S)
        except BadScore as bad:
            log.warning("explanation not kept", event=bad.event_id, reason=bad.reason)
            deliver([one for one in made if one is not bad.score])
        except (AlertsError, TimeoutError) as error:
            raise Transient(f"the alert tables did not take explanations: {error}") from error

    return deliver
