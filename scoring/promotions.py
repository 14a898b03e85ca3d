"""Which model scores, and how that came about: one small file, written whole, one writer at a time.

The history only grows. A promotion puts a model on top, a rollback takes the top off, so a second rollback goes one
further back and never to the model that was just given up.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from scoring.disk import replace_file

FORMAT = 1
STATE = "promoted.json"
LOCK = ".lock"

Role = Literal["main", "shadow"]  # whose scores become alerts; who scores beside, to be compared
Stamp = tuple[int, int, int]  # inode, time of change (ns), size
Names = tuple[str | None, str | None]  # a model and the digest of its manifest
NOBODY: Names = (None, None)


class RegistryError(Exception):
    """A registry can't do what was asked: says what is wrong and the mend. Retrying won't help."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A promotion or rollback.

    Attributes:
        model: name@version that has the role from then on; None: none has.
        digest: sha256 of that model's manifest.
        at_ms: when.
        by, reason: who and why, where that was said.
        exports: what was made of the model then, by the name of the engine it is for: sha256 (`scoring.exports`).
    """

    role: Role
    action: Literal["promote", "rollback"]
    model: str | None
    digest: str | None
    at_ms: int
    by: str | None = None
    reason: str | None = None
    exports: dict[str, str] = {}

    @property
    def names(self) -> Names:
        """What has the role: model and digest."""
        return self.model, self.digest


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds; `promoted` is what the history comes to, for whoever looks into it."""

    format: int = FORMAT
    promoted: dict[Role, str] = {}
    history: tuple[Step, ...] = ()

    def stack(self, role: Role) -> list[Step]:
        """The promotions of a role that stand, the present one last."""
        return _standing(self.history).get(role, [])

    def now(self, role: Role) -> Step | None:
        """The promotion that put the present model of a role there, if it has one."""
        standing = self.stack(role)
        return standing[-1] if standing else None

    def also(self, step: Step) -> State:
        """With one more step."""
        promoted = {role: model for role, model in self.promoted.items() if role != step.role}
        if step.model is not None:
            promoted[step.role] = step.model
        return State(FORMAT, promoted, (*self.history, step))


def _standing(history: Sequence[Step]) -> dict[Role, list[Step]]:
    """The promotions that stand, by role.

    Raises:
        ValueError: a step does not fit those before it.
    """
    standing: dict[Role, list[Step]] = {}
    for number, step in enumerate(history, 1):
        stack = standing.setdefault(step.role, [])
        if step.action == "promote":
            stack.append(step)
        elif stack:
            stack.pop()
        else:
            raise ValueError(f"step {number} takes back what was never promoted")
        if step.names != (stack[-1].names if stack else NOBODY) or (step.action == "promote" and step.model is None):
            raise ValueError(f"step {number} says {step.model!r}, which is not what the steps before it come to")
    return standing


def stamp(folder: Path) -> Stamp | None:
    """Tells one writing of the state from another, without reading it; None where it can't be had."""
    try:
        found = (folder / STATE).stat()
    except OSError:  # there is none, or reading it tells what is wrong
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_state(folder: Path) -> State:
    """The state; an empty one where nothing was promoted yet.

    Raises:
        RegistryError: it can't be read, or is not what this code wrote.
    """
    path = folder / STATE
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise RegistryError(f"{path} can't be read ({error.strerror}); let this user read it") from error
    try:
        state = msgspec.json.decode(raw, type=State)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise _damaged(path, str(error)) from error
    if state.format != FORMAT:
        raise _damaged(path, f"it has format {state.format}, this code reads {FORMAT}")
    try:
        standing = _standing(state.history)
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if state.promoted != (due := {role: stack[-1].model for role, stack in standing.items() if stack}):
        raise _damaged(path, f"it says {state.promoted}, its history comes to {due}")
    return state


def _damaged(path: Path, problem: str) -> RegistryError:
    return RegistryError(
        f"{path} is damaged: {problem}; put it back from a copy, or remove it and promote a model again"
    )


def write_state(folder: Path, state: State) -> None:
    """Put the state there, whole; only under `locked`."""
    replace_file(folder / STATE, msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder if need be and let one process at a time write in it; another one waits.

    Raises:
        RegistryError: the folder, or something in it, can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise RegistryError(
            f"registry {folder} can't be written ({error.strerror}); give a folder that this user may write to"
        ) from error


class Watch:
    """Tells when another model has a role, by one `stat` a look; the file is read only when it was written."""

    def __init__(self, folder: Path, role: Role) -> None:
        """Begin with what is promoted now."""
        self.folder, self.role = folder, role
        self._stamp = stamp(folder)
        self._names = self._now()

    def changed(self) -> bool:
        """Whether the role has another model than at the last look.

        A state that can't be read is a change too, told once: `Registry.current` says what is wrong with it.
        """
        found = stamp(self.folder)
        if found == self._stamp:
            return False
        self._stamp = found
        before, self._names = self._names, self._now()
        return self._names != before

    def _now(self) -> Names | None:
        try:
            now = read_state(self.folder).now(self.role)
        except RegistryError:
            return None
        return NOBODY if now is None else now.names
