"""Names as small whole numbers, for arrays: each name has one as long as it is kept; freed numbers are used again."""

from __future__ import annotations

from collections.abc import ItemsView


class Numbers:
    """Numbers for nothing but themselves: the lowest that were freed come first."""

    def __init__(self) -> None:
        """None is taken."""
        self.size = 0  # above every number that was ever taken
        self._free: list[int] = []

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self.size - len(self._free)

    def take(self) -> int:
        """A number nobody has."""
        if self._free:
            return self._free.pop()
        self.size += 1
        return self.size - 1

    def free(self, number: int) -> None:
        """Nobody has it any more."""
        self._free.append(number)


class Names(Numbers):
    """Numbers for names."""

    def __init__(self) -> None:
        """No name is known."""
        super().__init__()
        self._numbers: dict[str, int] = {}

    def items(self) -> ItemsView[str, int]:
        """Every name with its number."""
        return self._numbers.items()

    def find(self, name: str) -> int:
        """The name's number, -1 if it has none."""
        return self._numbers.get(name, -1)

    def number(self, name: str) -> int:
        """The name's number; a new name gets one."""
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = self.take()
        return found

    def forget(self, name: str) -> None:
        """Free the name's number."""
        self.free(self._numbers.pop(name))
