"""The registry: a folder of model folders NAME@VERSION, and which of them is promoted."""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from scoring import registry
from scoring.disk import make_folder
from scoring.exports import Exporter, keep, kept
from scoring.manifest import Manifest, ModelRefused
from scoring.manifest_checks import NAME
from scoring.model_files import read_manifest, sha256
from scoring.promotions import RegistryError, Role, State, Step, Watch, locked, read_state, write_state
from scoring.registry import Loaded, ModelBytes

FOLDER = re.compile(rf"{NAME.pattern}@[0-9a-f]{{12}}")


@dataclass(frozen=True, slots=True)
class Note:
    """Who wanted it, and why, for the history."""

    by: str | None = None
    reason: str | None = None


UNSAID = Note()


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the registry: its manifest, or why it is refused, and the roles it has."""

    model: str
    folder: Path
    manifest: Manifest | None
    refused: str | None
    roles: tuple[Role, ...]


class Registry:
    """Keeps models and says which is promoted. Any number of processes may use one folder."""

    def __init__(self, folder: Path, mapping: str | None = None, exporter: Exporter | None = None) -> None:
        """Use a folder, which need not be there yet.

        Args:
            folder: of the registry.
            mapping: sha256 of the mapping in use: a model of another one is neither promoted nor loaded. None:
                not compared.
            exporter: makes what engines run of a network that is promoted; None: nothing is made.
        """
        self.folder, self.mapping, self._exporter = folder, mapping, exporter

    def add(self, folder: Path) -> Manifest:
        """Copy a model folder in, once all of it is checked. Harmless when the same is there.

        Raises:
            ModelRefused: the folder is not what its manifest says.
            RegistryError: another one of that name and version is there, or the registry can't be written.
        """
        model = registry.read(folder)
        registry.opened(model)
        manifest = model.manifest
        with locked(self.folder):
            there = self.folder / manifest.model
            if not os.path.lexists(there):
                self._sweep()
                make_folder(there, model.contents)
            elif (found := _differs(there, model)) is not None:
                raise RegistryError(
                    f"{there} is there already, {found}; keep it, or remove that folder and add this one again"
                )
        return manifest

    def list(self) -> tuple[Entry, ...]:
        """Every model by name, the broken ones too, and a promoted one that is gone.

        Raises:
            RegistryError: the state or the folder can't be read.
        """
        state = read_state(self.folder)
        models = {*self._models(), *state.promoted.values()}
        return tuple(self._entry(model, state) for model in sorted(models))

    def show(self, name: str) -> Entry:
        """One model, named as `find` takes it.

        Raises:
            RegistryError: there is none, or more than one; or the state or the folder can't be read.
        """
        return self._entry(self.find(name), read_state(self.folder))

    def find(self, name: str) -> str:
        """The full name of a model named by NAME@VERSION, NAME@ and the beginning of a version, or NAME alone.

        Raises:
            RegistryError: there is none, or more than one.
        """
        models = self._models()
        begin = name if "@" in name else f"{name}@"
        found = [name] if name in models else [model for model in models if model.startswith(begin)]
        if len(found) == 1:
            return found[0]
        if found:
            raise RegistryError(f"{name!r} may be {', '.join(found)}; give more of the version")
        held = f"it has {', '.join(models)}" if models else "it is empty: ringwatch model add FOLDER"
        raise RegistryError(f"registry {self.folder} has no model {name!r}; {held}")

    def promote(self, name: str, note: Note = UNSAID, role: Role = "main") -> Step:
        """Have a model score from now on. It is checked first, and exported once; harmless when it is promoted already.

        Raises:
            ModelRefused: it is broken or of another mapping; the state stays.
            RegistryError: there is no such model, or the registry can't be written.
        """
        model = self.find(name)
        with locked(self.folder):
            state, digest = read_state(self.folder), sha256(read_manifest(self._folder(model)))
            loaded, now = self._load(model, digest), state.now(role)
            if now is not None and now.names == (model, digest):
                return now
            exports = self._exported(loaded, digest, state)
            step = Step(role, "promote", model, digest, _now_ms(), note.by, note.reason, exports)
            write_state(self.folder, state.also(step))
        return step

    def rollback(self, note: Note = UNSAID, role: Role = "main") -> Step:
        """Go back to the model before; behind the first one, to none.

        Raises:
            ModelRefused: the one before is broken or of another mapping; the state stays.
            RegistryError: nothing is promoted, or the registry can't be written.
        """
        with locked(self.folder):
            state = read_state(self.folder)
            standing = state.stack(role)
            if not standing:
                raise RegistryError(f"registry {self.folder}: nothing is promoted, so there is no way back")
            model, digest = standing[-2].names if len(standing) > 1 else (None, None)
            if model is not None:
                self._load(model, digest)
            step = Step(role, "rollback", model, digest, _now_ms(), note.by, note.reason)
            write_state(self.folder, state.also(step))
        return step

    def promoted(self, role: Role = "main") -> Step | None:
        """The promotion that put the present model there; None: nothing is promoted.

        Raises:
            RegistryError: the state can't be read.
        """
        return read_state(self.folder).now(role)

    def current(self, role: Role = "main") -> Loaded | None:
        """Load the promoted model; None: nothing is promoted.

        Raises:
            ModelRefused: it is gone, broken, not what was promoted, or of another mapping. The state stays: whether
                to end, or to go on with the model that is loaded, is for the caller.
            RegistryError: the state can't be read.
        """
        now = self.promoted(role)
        if now is None or now.model is None:
            return None
        return self._load(now.model, now.digest)._replace(exports=kept(self.folder, now.model, now.exports))

    def history(self) -> tuple[Step, ...]:
        """Every promotion and rollback, the first one first.

        Raises:
            RegistryError: the state can't be read.
        """
        return read_state(self.folder).history

    def watch(self, role: Role = "main") -> Watch:
        """Tells when another model is promoted. Make it before `current`, so that nothing falls between the two."""
        return Watch(self.folder, role)

    def path(self, model: str) -> Path:
        """The folder of a model by its full name."""
        return self.folder / model

    def _load(self, model: str, digest: str | None = None) -> Loaded:
        """As `registry.load`, and the model has to be the one its folder is named after."""
        folder = self._folder(model)
        loaded = registry.load(folder, self.mapping, digest)
        if loaded[0].model != model:
            raise ModelRefused(folder, f"it holds {loaded[0].model}", "name the folder after it, or take it out")
        return loaded

    def _folder(self, model: str) -> Path:
        folder = self.path(model)
        if not FOLDER.fullmatch(model):  # a state that was edited by hand might lead out of the registry
            raise ModelRefused(folder, f"{model!r} is no NAME@VERSION", "promote a model that the registry has")
        if folder.is_symlink() or not folder.is_dir():
            reason = "it is a symbolic link" if folder.is_symlink() else "the folder is gone"
            raise ModelRefused(folder, reason, "add the model again, or promote another")
        return folder

    def _exported(self, loaded: Loaded, digest: str, state: State) -> dict[str, str]:
        """What engines run of a model: made now, unless an earlier promotion did."""
        model = loaded.manifest.model
        for step in reversed(state.history):
            made = step.exports if step.names == (model, digest) else {}
            if made and kept(self.folder, model, made).keys() == made.keys():
                return made
        return keep(self.folder, model, self._exporter(loaded.network)) if self._exporter else {}

    def _entry(self, model: str, state: State) -> Entry:
        """A model as it is. Of another mapping it is no broken one: the manifest says which."""
        roles = tuple(role for role in get_args(Role) if state.promoted.get(role) == model)
        digest = next((now.digest for role in roles if (now := state.now(role))), None)
        try:
            manifest = Registry(self.folder)._load(model, digest).manifest
        except ModelRefused as refused:
            return Entry(model, self.path(model), None, refused.reason, roles)
        return Entry(model, self.path(model), manifest, None, roles)

    def _models(self) -> tuple[str, ...]:
        """Names of the model folders, in order. What is named otherwise is none of ours."""
        try:
            return tuple(sorted(name for name in os.listdir(self.folder) if FOLDER.fullmatch(name)))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise RegistryError(
                f"registry {self.folder} can't be read ({error.strerror}); give a folder that this user may read"
            ) from error

    def _sweep(self) -> None:
        """Remove what a crash left of an earlier `add`; only under the lock, so nobody is at work on it."""
        for name in os.listdir(self.folder):
            if name.startswith(".") and FOLDER.fullmatch(name[1:].rpartition(".")[0]):
                shutil.rmtree(self.folder / name)


def _differs(folder: Path, model: ModelBytes) -> str | None:
    """In what a folder differs from a model; None: it is the same."""
    try:
        return None if registry.read(folder).digest == model.digest else "with another manifest"
    except ModelRefused as refused:
        return f"and broken ({refused.reason})"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
