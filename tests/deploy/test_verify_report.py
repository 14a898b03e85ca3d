"""What a comparison tells people."""

from __future__ import annotations

import pytest

from deploy.verify.report import told
from deploy.verify.run import Outcome
from deploy.verify.spool import Spool
from graph.reconcile import Tally


@pytest.mark.parametrize(
    ("unsettled", "status", "words"),
    [(0, 0, "the graph is as the tables are"), (3, 3, "no difference, but 3 keys were not compared")],
)
def test_keys_that_could_not_be_compared_are_named(
    unsettled: int, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A graph is not said to be as its tables are for more than was compared, nor does the run end well."""
    outcome = Outcome([Tally("t", rows=5, unsettled=unsettled)], Spool(), 1.0)
    assert told(outcome, "graph verify", as_json=False) == status
    assert words in " ".join(capsys.readouterr().out.split())


def test_the_figures_hold_keys_that_were_not_compared_against_a_bar() -> None:
    """As --json prints them."""
    figures = {each.name: each for each in Outcome([Tally("t", unsettled=1)], Spool(), 1.0).report("verify").figures}
    assert (figures["unsettled"].bar, figures["unsettled"].ok, figures["left"].ok) == (0, False, True)
