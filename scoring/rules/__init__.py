"""The rules an analyst would write down, over the same subgraph the network reads.

They stand beside the network in every report, say in a sentence what is odd about an event, and are
the fall-back where no model is promoted. They are declared in a TOML file (docs/rules.md): each kind of rule is
a file here, a class with the fields it has and what it finds in a `View`.
"""

from __future__ import annotations

from graph.model import Subgraph
from scoring.rules.fields import Names as Names
from scoring.rules.file import SHIPPED as SHIPPED
from scoring.rules.file import RulesError as RulesError
from scoring.rules.file import RulesFile as RulesFile
from scoring.rules.file import read as read
from scoring.rules.file import shipped as shipped
from scoring.rules.file import unknown as unknown
from scoring.rules.finding import Finding as Finding
from scoring.rules.finding import demanded as demanded
from scoring.rules.finding import total as total
from scoring.rules.rule_set import RuleSet as RuleSet


def findings(subgraph: Subgraph, rules: RuleSet | None = None) -> tuple[Finding, ...]:
    """What the rules find, strongest first; the shipped ones where none are given."""
    return (rules or shipped()).findings(subgraph)
