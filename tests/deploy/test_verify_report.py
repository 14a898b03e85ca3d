"""What a comparison tells people."""

from __future__ import annotations

import pytest

from deploy.verify.report import told
from deploy.verify.run import Outcome
from deploy.verify.spool import Spool
from graph.reconcile import Tally


@pytest.mark.parametrize(("unsettled", "words"), [(0, "as the tables are"), (3, "but 3 keys changed whenever")])
def test_keys_that_could_not_be_compared_are_named(
    unsettled: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A graph is not said to be as its tables are for more than was compared."""
    outcome = Outcome([Tally("t", rows=5, unsettled=unsettled)], Spool(), 1.0)
    assert told(outcome, "graph verify", as_json=False) == 0
    assert words in " ".join(capsys.readouterr().out.split())
