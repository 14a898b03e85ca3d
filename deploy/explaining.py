"""What explains alerts beside a scorer: the stack's thread, and the embedded one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from alerts.errors import AlertsError, BadScore
from alerts.explanations import Explanations
from deploy import bootstrap
from deploy.config import Settings
from ingest.events import Transient
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import Explanation
from scoring.explaining.local import Deliver, LocalExplanations
from scoring.explaining.worker import ExplanationWorker, WorkerSettings

log = structlog.get_logger("explainer")

KEPT_S = 60.0


def stack_worker(settings: Settings, explainer: Explainer) -> ExplanationWorker:
    """Reads scores from Kafka and publishes explanations there; not started yet."""
    at = bootstrap.connections(settings)
    chosen = WorkerSettings(at.kafka_bootstrap, extra=settings.kafka_options)
    return ExplanationWorker(chosen, explainer, bootstrap.publisher(settings))


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
