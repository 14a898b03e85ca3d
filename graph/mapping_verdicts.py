"""What a label's row says: fraud or not, and how long after the event the bank knew."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from graph.mapping_fields import DELAY, DELAYS_MS, Column, Part, Words, column_alone, constant_alone, delay_text


class Verdict(Part):
    """What says fraud or not: a truth column, a column in the bank's own words, or one `value` for all rows.

    With words, what is `unknown` or NULL is no label. A truth column that is NULL is none of an event in its own
    row; a report in a table of its own has to say.
    """

    column: Column | None = None
    value: bool | None = None
    fraud: Words = []
    legit: Words = []
    unknown: Words = []

    @model_validator(mode="after")
    def _one_way(self) -> Verdict:
        if (self.column is None) == (self.value is None):
            raise ValueError("column is missing; give it, or true or false (the same for every row), not both")
        if self.value is not None and (self.worded or self.unknown):
            raise ValueError("says the same for every row; words are for a column")
        return self

    @model_validator(mode="after")
    def _disjoint(self) -> Verdict:
        if bool(self.fraud) != bool(self.legit) and not self.unknown:
            raise ValueError(
                "give both fraud and legit (the values that say so), one of them and unknown (the values that say "
                "nothing), or the column alone (true or false)"
            )
        if self.unknown and not self.worded:
            raise ValueError("gives unknown alone; give fraud, legit or both (the values that say so)")
        words = [*self.fraud, *self.legit, *self.unknown]
        if twice := sorted({word for word in words if words.count(word) > 1}):
            raise ValueError(f"says two things of {', '.join(map(repr, twice))}; each value means one")
        return self

    @property
    def worded(self) -> bool:
        """Whether the column speaks in the bank's words."""
        return bool(self.fraud or self.legit)


class DelayColumn(Part):
    """A delay that each row has of its own, in a column: a number of units. NULL is no label."""

    column: Column
    unit: Literal["ms", "s", "m", "h", "d", "rows"] = "d"

    @property
    def unit_ms(self) -> int:
        """Rows count as steps of an order index."""
        return DELAYS_MS[self.unit]


VerdictField = Annotated[
    Verdict, BeforeValidator(column_alone), BeforeValidator(constant_alone, json_schema_input_type=str | bool | Verdict)
]
DelayField = Annotated[str, AfterValidator(delay_text)] | DelayColumn


def delay_all_ms(delay: str | DelayColumn | None) -> int:
    """A delay that is the same for all rows; rows count as steps of an order index."""
    found = DELAY.fullmatch(delay) if isinstance(delay, str) else None
    return int(found[1]) * DELAYS_MS[found[2]] if found else 0


def in_rows(delay: str | DelayColumn) -> bool:
    """Whether it counts in rows."""
    return delay.endswith("rows") if isinstance(delay, str) else delay.unit == "rows"
