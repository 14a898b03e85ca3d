"""What a model weighed, in words an analyst reads: a phrase for every feature's name, whatever the bank's graph is of.

A name is a path of short words (`scoring.schema`, `history`, `tallies`): whose it is, what is counted, how far back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from graph.model import Event, split_key
from scoring.schema import NETWORK
from scoring.score import Contribution

MOST = 3  # phrases in a sentence
AROUND = "the pattern around it"  # what the network sees
WHOLE = "whole"  # features of its graph as a whole, together
RULE = "rule."  # before the name of a rule that fired, which says itself why
WINDOWS = {
    "1h": " within an hour",
    "24h": " within 24 hours",
    "7d": " within 7 days",
    "30d": " within 30 days",
    "all": "",
}
WINDOW = r"(?:_(?P<window>1h|24h|7d|30d|all))?"
WHAT = {
    "count": "how many events {end} had{window}",
    "sum": "how much went through {end}{window}",
    "frauds": "reported events of {end}{window}",
    "legits": "events of {end} known to be honest{window}",
    "partners": "with how many others {end} deals{window}",
    "edges": "how many events {end} had{window}",
    "neighbours": "with how many others {end} deals",
    "out_sum": "how much {end} sent{window}",
    "in_sum": "how much {end} received{window}",
    "out_max": "the most {end} ever sent",
    "in_max": "the most {end} ever received",
}
KNOWN = {
    r"fraud_share.*|since_fraud|known_fraud.*|before_fraud": "what was reported of {end} before",
    r"since_legit|known_legit.*": "what is known to be honest of {end}",
    r"fraud_mean_gap|to_fraud_mean": "how near the amount is to those reported of {end}",
    r"mean|spread|above|above_max|to_mean|past_mean": "the amount beside what {end} usually has",
    r"since_last.*": "how long {end} had been silent",
    r"since_first.*": "how new {end} is",
}
EVENT = {
    r"value_\d+_log": "the amount",
    r"to_own_.*": "the amount beside what the sender usually has",
    r"to_inflow_.*": "the amount beside what had just come in",
    r"hour_.*": "the time of day",
    r"week_.*": "the day of the week",
    r"pair_.*": "how often the two had met before",
    r"source_(?:new|first)": "how new {source} is",
    r"target_(?:new|first)": "how new {target} is",
    r"known_(?:fraud|legit)_log": "reported events nearby",
    r"is_(?P<relation>\w+)": "that it is a {relation} event",
    r"near_new_since_(?P<relation>\w+)": "how lately something new came up nearby by {relation}",
    r"near_(?P<near>1h|24h)_(?P<relation>\w+)": "{relation} events nearby{near}",
    r"(?P<whose>source|target)_since_(?P<relation>\w+)": "how long ago {whose} last had a {relation} event",
    r"(?P<relation>\w+)\.(?P<field>\w+)=(?P<value>.*)": "that {field} is {value}",
}


def sentence(contributions: Sequence[Contribution], event: Event) -> str | None:
    """What raised an event's score most, in one sentence; None where no feature did. Rules speak for themselves."""
    weights: dict[str, float] = {}
    for part in contributions:
        if part.kind == "feature" and not part.name.startswith(RULE):
            said = phrase(part.name, event)
            weights[said] = weights.get(said, 0.0) + part.value
    raised = sorted((said for said, weight in weights.items() if weight > 0), key=lambda said: (-weights[said], said))
    named = [said for said in raised if said != AROUND][:MOST]
    if AROUND in raised:  # behind what is more telling, however much it weighs
        named.append(AROUND)
    return f"the model weighs {'; '.join(named)}" if named else None


def phrase(name: str, event: Event) -> str:
    """What a feature says of this event; a name that none of this fits stands as it is, in quotes."""
    ends = {"source": _end(event.src), "target": _end(event.dst)}
    if name in (NETWORK, WHOLE):
        return AROUND
    first, _, rest = name.partition(".")
    if first == "event":
        return _event(rest, ends) or f"'{name}'"
    if first in ("mean_edge", "largest_edge", "mean"):
        return "reported events nearby" if "fraud" in rest else "what the events nearby are like"
    if first in ends and rest:
        return _of(rest.removesuffix("_log"), ends[first]) or f"'{name}'"
    if name.startswith("pair_"):
        return "reported events between the two" if "fraud" in name else "how often the two had met before"
    if found := re.fullmatch(r"(source|target)_(?:same|other|past)_(.+)", name):
        return _of(found[2], ends[found[1]]) or f"'{name}'"
    if "fraud" in name:
        return "what was reported of events like it"
    return f"'{name}'"


def _end(key: str) -> str:
    label, id = split_key(key)
    return f"{label.lower()} {id}" if id else key


def _event(name: str, ends: dict[str, str]) -> str | None:
    for pattern, said in EVENT.items():
        if found := re.fullmatch(pattern, name):
            parts = found.groupdict()
            near, whose = WINDOWS.get(parts.get("near") or "all", ""), ends.get(parts.get("whose") or "", "")
            return said.format(**ends | parts | {"near": near, "whose": whose})
    return None


def _of(name: str, end: str) -> str | None:
    for what, said in WHAT.items():
        if found := re.fullmatch(what + WINDOW, name):
            return said.format(end=end, window=WINDOWS[found["window"] or "all"])
    for pattern, said in KNOWN.items():
        if re.fullmatch(pattern, name):
            return said.format(end=end)
    if found := re.fullmatch(r"(?P<relation>\w+?)_(?P<way>out|in)" + WINDOW, name):
        way = "from" if found["way"] == "out" else "to"
        return f"{found['relation']} events {way} {end}{WINDOWS[found['window'] or 'all']}"
    return f"what kind of thing {end} is" if re.fullmatch(r"is_\w+|hop_\w+", name) else None
