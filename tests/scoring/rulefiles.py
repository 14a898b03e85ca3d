"""Rules files for tests, written as a person writes them."""

from __future__ import annotations

from pathlib import Path

from scoring.rules import RuleSet, read

VELOCITY = """
[[rule]]
name = "v"
kind = "velocity"
within = "1h"
at_least = 3
strength = 0.4
"""
SHARED = """
[[rule]]
name = "s"
kind = "shared"
relation = "login"
within = "24h"
strength = 0.8
"""
TAKEOVER = """
[[rule]]
name = "t"
kind = "sequence"
strength = 0.9
[[rule.step]]
relation = "login"
first = true
within = "2h"
strength = 0.2
[[rule.step]]
relation = "modify"
within = "1d"
[[rule.step]]
relation = "transfer"
amount_at_least = 50_000
"""
FAN = """
[[rule]]
name = "f"
kind = "fan"
within = "12h"
at_least = 2
strength = 0.9
"""
GATHERING = """
[[rule]]
name = "g"
kind = "gathering"
within = "24h"
at_least = 3
strength = 0.6
"""
REPORTED = """
[[rule]]
name = "r"
kind = "reported"
strength = 0.8
"""
EVERY = VELOCITY + SHARED + TAKEOVER + FAN + GATHERING + REPORTED


def rules_of(folder: Path, text: str, more: str = "") -> RuleSet:
    """The rules of a text; `more` are further lines of its last rule."""
    path = folder / "rules.toml"
    path.write_text(text + more)
    return read(path).rules
