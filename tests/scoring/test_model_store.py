"""The registry: models come in whole, one is promoted, and the way back is never lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
import pytest
import torch

from scoring import registry
from scoring.core.network import EventNetwork
from scoring.model_store import Note, Registry
from scoring.promotions import RegistryError
from scoring.registry import Manifest, ModelRefused
from scoring.schema import FeatureSchema

Make = Callable[[int], Path]


@pytest.fixture
def make(tmp_path: Path, schema: FeatureSchema, manifest: Callable[[FeatureSchema], Manifest]) -> Make:
    """Saves a model whose weights come from a seed, and returns its folder."""

    def saved(seed: int) -> Path:
        torch.manual_seed(seed)
        made = manifest(schema)
        registry.save(tmp_path / f"made{seed}", made, EventNetwork(made.sizes), "tree\n")
        return tmp_path / f"made{seed}"

    return saved


@pytest.fixture
def store(tmp_path: Path) -> Registry:
    """An empty registry."""
    return Registry(tmp_path / "models")


def files(folder: Path) -> dict[str, bytes]:
    """A folder's files by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit(folder: Path, **fields: object) -> None:
    """Another manifest for the same weights, whole in itself."""
    found, network, baseline, *_ = registry.load(folder)
    registry.save(folder, msgspec.structs.replace(found, **fields), network, baseline)


def current(store: Registry) -> str | None:
    """The name of the model that would be loaded."""
    loaded = store.current()
    return loaded and loaded[0].model


def test_an_empty_registry_has_nothing(store: Registry) -> None:
    """And looking at it makes no folder."""
    assert store.list() == () and store.history() == () and store.current() is None and store.promoted() is None
    assert not store.folder.exists()


def test_a_model_that_was_added_is_the_same_model(store: Registry, make: Make) -> None:
    """Byte for byte, under its name and version; adding it again does no harm."""
    folder = make(1)
    model = store.add(folder).model
    assert store.add(folder).model == model
    assert files(store.path(model)) == files(folder)
    (entry,) = store.list()
    assert (entry.model, entry.refused, entry.roles) == (model, None, ())


def test_a_broken_model_does_not_come_in(store: Registry, make: Make) -> None:
    """Refused as loading refuses it."""
    folder = make(1)
    (folder / "baseline.txt").write_text("other")
    with pytest.raises(ModelRefused, match=r"baseline\.txt has sha256"):
        store.add(folder)
    assert store.list() == ()


def test_other_bytes_under_the_same_name_do_not_come_in(store: Registry, make: Make) -> None:
    """Scores carry name and version, which would mean two things."""
    folder = make(1)
    model = store.add(folder).model
    edit(folder, command="python -m something.else")
    with pytest.raises(RegistryError, match="is there already, with another manifest; keep it, or remove"):
        store.add(folder)
    assert store.show(model).manifest != registry.load(folder)[0]


def test_a_broken_copy_is_not_taken_for_the_model(store: Registry, make: Make) -> None:
    """Though its manifest is the same."""
    folder = make(1)
    (store.path(store.add(folder).model) / "baseline.txt").write_text("other")
    with pytest.raises(RegistryError, match=r"is there already, and broken \(baseline\.txt has sha256"):
        store.add(folder)


def test_what_a_crash_left_of_a_copy_is_no_model_and_goes(store: Registry, make: Make) -> None:
    """A folder's name appears once it is whole; the next one that comes in sweeps up."""
    first = store.add(make(1)).model
    left = store.folder / f".{first}.0123456789abcdef"
    store.path(first).rename(left)
    assert store.list() == ()
    store.add(make(2))
    assert not left.exists() and len(store.list()) == 1


def test_a_model_may_be_named_short(store: Registry, make: Make) -> None:
    """By its name where there is one of it, else with the beginning of the version."""
    first = store.add(make(1)).model
    assert store.find("test") == store.find(first) == store.find(first[:8]) == first
    second = store.add(make(2)).model
    assert store.find(second[:8]) == second
    with pytest.raises(RegistryError, match=r"'test' may be test@.*, test@.*; give more of the version"):
        store.find("test")


@pytest.mark.parametrize("name", ["none", "", "../made1", ".", "test@zz"])
def test_a_model_that_is_not_there_is_refused_by_what_is(store: Registry, make: Make, name: str) -> None:
    """A path is no name."""
    model = store.add(make(1)).model
    with pytest.raises(RegistryError, match=f"has no model .*; it has {model}"):
        store.promote(name)


def test_the_promoted_model_is_the_one_that_is_loaded(store: Registry, make: Make) -> None:
    """By any process, and the history says when, by whom and why."""
    model = store.add(make(1)).model
    store.promote("test", Note("ada", "better recall"))
    assert current(Registry(store.folder)) == model
    (step,) = store.history()
    assert (step.action, step.model, step.by, step.reason) == ("promote", model, "ada", "better recall")
    assert store.list()[0].roles == ("main",)


def test_promoting_the_promoted_model_adds_nothing(store: Registry, make: Make) -> None:
    """Else a rollback would go back to the same."""
    store.add(make(1))
    assert store.promote("test") == store.promote("test")
    assert len(store.history()) == 1


def test_rollbacks_go_back_one_by_one(store: Registry, make: Make) -> None:
    """Never to what was just given up; behind the first promotion nothing is promoted, and then there is no way."""
    a, b, c = (store.add(make(seed)).model for seed in (1, 2, 3))
    for model in (a, b, c):
        store.promote(model)
    came_to = []
    for _ in range(3):
        assert store.rollback().model == current(store)
        came_to.append(current(store))
    assert came_to == [b, a, None]
    with pytest.raises(RegistryError, match="nothing is promoted"):
        store.rollback()
    assert [step.action for step in store.history()] == ["promote"] * 3 + ["rollback"] * 3


def test_a_rollback_and_a_promotion_start_a_new_way(store: Registry, make: Make) -> None:
    """What was given up in between is not on it."""
    a, b, c = (store.add(make(seed)).model for seed in (1, 2, 3))
    store.promote(a)
    store.promote(b)
    store.rollback()
    store.promote(c)
    assert store.rollback().model == a


def test_the_shadow_has_a_way_of_its_own(store: Registry, make: Make) -> None:
    """Who scores beside is promoted and rolled back without touching whose scores become alerts."""
    a, b = (store.add(make(seed)).model for seed in (1, 2))
    store.promote(a)
    store.promote(b, role="shadow")
    assert current(store) == a and (shadow := store.current("shadow")) is not None and shadow[0].model == b
    assert {entry.model: entry.roles for entry in store.list()} == {a: ("main",), b: ("shadow",)}
    assert store.rollback(role="shadow").model is None
    assert current(store) == a and store.current("shadow") is None


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda f: f.rename(f.parent / "elsewhere"), "the folder is gone; add the model again, or promote"),
    "cut": (lambda f: os.truncate(f / "weights.safetensors", 100), r"weights\.safetensors has sha256"),
    "tampered": (lambda f: (f / "manifest.json").write_text("{}"), r"manifest\.json has sha256"),
    "tampered with care": (lambda f: edit(f, command="other"), "when the model was promoted it had"),
    "link": (lambda f: f.rename(f.parent / "x") and f.symlink_to(f.parent / "x"), "it is a symbolic link"),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_promoted_model_that_broke_is_refused_and_stays_promoted(store: Registry, make: Make, damage: str) -> None:
    """The reason is in the list too; what to do is for whoever asked."""
    spoil, reason = BROKEN[damage]
    model = store.add(make(1)).model
    store.promote(model)
    before = (store.folder / "promoted.json").read_bytes()
    spoil(store.path(model))
    with pytest.raises(ModelRefused, match=reason):
        store.current()
    (entry,) = store.list()
    assert entry.model == model and entry.manifest is None and entry.refused and entry.roles == ("main",)
    assert (store.folder / "promoted.json").read_bytes() == before


def test_one_broken_model_does_not_hide_the_others(store: Registry, make: Make) -> None:
    """The list says which, and why; a folder that is named otherwise is none of ours."""
    a, b = (store.add(make(seed)).model for seed in (1, 2))
    (store.path(a) / "weights.safetensors").unlink()
    (store.folder / "notes").mkdir()
    found = {entry.model: entry.refused for entry in store.list()}
    assert found == {a: "weights.safetensors can't be read (No such file or directory)", b: None}


def test_a_folder_named_after_another_model_is_refused(store: Registry, make: Make) -> None:
    """Or scores would name a model that did not give them."""
    model = store.add(make(1)).model
    store.path(model).rename(store.path("other@0123456789ab"))
    assert store.list()[0].refused == f"it holds {model}"
    with pytest.raises(ModelRefused, match=f"it holds {model}"):
        store.promote("other")


@pytest.mark.parametrize("do", ["promote", "rollback"])
def test_nothing_is_promoted_that_can_not_be_loaded(store: Registry, make: Make, do: str) -> None:
    """Neither forwards nor backwards: the model that scores goes on."""
    a, b = (store.add(make(seed)).model for seed in (1, 2))
    store.promote(a)
    if do == "rollback":
        store.promote(b)
    broken = b if do == "promote" else a
    (store.path(broken) / "baseline.txt").write_text("other")
    before = store.history()
    with pytest.raises(ModelRefused, match=r"baseline\.txt has sha256"):
        store.promote(broken) if do == "promote" else store.rollback()
    assert store.history() == before


def test_a_model_of_another_mapping_is_neither_promoted_nor_loaded(store: Registry, make: Make) -> None:
    """But it is no broken one."""
    model = store.add(make(1)).model
    elsewhere = Registry(store.folder, mapping="other")
    with pytest.raises(ModelRefused, match="train a model on this one"):
        elsewhere.promote(model)
    store.promote(model)
    with pytest.raises(ModelRefused, match="train a model on this one"):
        elsewhere.current()
    assert elsewhere.list()[0].refused is None and current(Registry(store.folder, mapping="mapping")) == model


def test_a_watch_tells_each_change_once(store: Registry, make: Make) -> None:
    """A promotion, a rollback, whoever made it; not what leaves the model as it is."""
    a, b = (store.add(make(seed)).model for seed in (1, 2))
    watch, other = store.watch(), Registry(store.folder)
    assert not watch.changed()
    for act in (lambda: other.promote(a), lambda: other.promote(b), other.rollback, other.rollback):
        act()
        assert watch.changed() and not watch.changed()
    other.promote(a, role="shadow")
    assert not watch.changed()


def test_a_watch_tells_the_same_version_under_another_manifest(store: Registry, make: Make) -> None:
    """Its thresholds may be others."""
    model = store.add(make(1)).model
    store.promote(model)
    watch = store.watch()
    edit(store.path(model), command="other")
    store.promote(model)
    assert watch.changed() and len(store.history()) == 2


def test_a_watch_tells_that_the_state_broke_and_that_it_was_mended(store: Registry, make: Make) -> None:
    """Once each; `current` says what is wrong."""
    store.add(make(1))
    store.promote("test")
    watch, path = store.watch(), store.folder / "promoted.json"
    whole = path.read_bytes()
    path.write_text("{")
    assert watch.changed() and not watch.changed()
    with pytest.raises(RegistryError, match=r"promoted\.json is damaged"):
        store.current()
    path.write_bytes(whole)
    assert watch.changed() and store.current() is not None


def tilt(field: str, value: object) -> Callable[[bytes], bytes]:
    """Changes a field of the last step."""

    def change(raw: bytes) -> bytes:
        state = json.loads(raw)
        state["history"][-1][field] = value
        return json.dumps(state).encode()

    return change


STATES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "cut": lambda raw: raw[:-20],
    "no JSON": lambda raw: b"[" * 100_000,
    "no UTF-8": lambda raw: raw.replace(b"test", b"t\xffst"),
    "other format": lambda raw: raw.replace(b'"format": 1', b'"format": 2'),
    "unknown field": lambda raw: raw.replace(b'"format": 1', b'"format": 1, "more": 1'),
    "another model promoted": lambda raw: raw.replace(b'"main": "test@', b'"main": "best@'),
    "another model in the history": tilt("model", "best@0123456789ab"),
    "rollback to another": tilt("action", "rollback"),
    "another role": tilt("role", "shadow"),
    "promotion of nothing": tilt("model", None),
}


@pytest.mark.parametrize("damage", STATES)
def test_a_damaged_state_is_refused_and_left_alone(store: Registry, make: Make, damage: str) -> None:
    """By reading and by writing: the history in it may be mended by hand."""
    models = [store.add(make(seed)).model for seed in (1, 2)]
    for model in models:
        store.promote(model)
    path = store.folder / "promoted.json"
    spoilt = STATES[damage](path.read_bytes())
    path.write_bytes(spoilt)
    for act in (store.current, store.list, store.rollback, lambda: store.promote(models[0])):
        with pytest.raises(RegistryError, match=r"is damaged: .*; put it back from a copy, or remove it"):
            act()
    assert path.read_bytes() == spoilt


def test_a_rollback_of_what_was_never_promoted_is_a_damaged_state(store: Registry) -> None:
    """Nobody wrote that."""
    store.folder.mkdir()
    step = {"role": "main", "action": "rollback", "model": None, "digest": None, "at_ms": 1}
    (store.folder / "promoted.json").write_text(json.dumps({"format": 1, "promoted": {}, "history": [step]}))
    with pytest.raises(RegistryError, match="step 1 takes back what was never promoted"):
        store.promoted()


def test_a_rollback_to_another_model_than_the_one_before_is_a_damaged_state(store: Registry, make: Make) -> None:
    """Somebody edited the history."""
    for seed in (1, 2):
        store.promote(store.add(make(seed)).model)
    store.rollback()
    path = store.folder / "promoted.json"
    path.write_bytes(tilt("model", "best@0123456789ab")(path.read_bytes()))
    with pytest.raises(RegistryError, match="step 3 says 'best@0123456789ab', which is not what"):
        store.promoted()


def test_a_state_that_leads_out_of_the_registry_is_not_followed(store: Registry, make: Make) -> None:
    """Though a good model lies there."""
    model = store.add(make(1)).model
    store.promote(model)
    store.path(model).rename(store.folder.parent / model)
    path = store.folder / "promoted.json"
    path.write_text(path.read_text().replace(model, f"../{model}"))
    with pytest.raises(ModelRefused, match="is no NAME@VERSION"):
        store.current()
    assert store.list()[0].manifest is None


def promote_often(folder: Path, models: list[str], who: str) -> None:
    """Promote models in turns."""
    for number in range(10):
        Registry(folder).promote(models[number % 2], Note(who, str(number)))


def test_two_processes_that_promote_at_once_lose_no_step(store: Registry, make: Make) -> None:
    """Each step of each is there, in its order, and the state adds up."""
    models = {who: [store.add(make(seed + n)).model for n in (0, 1)] for who, seed in (("a", 1), ("b", 3))}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(promote_often, store.folder, named, who) for who, named in models.items()]
        for job in jobs:
            job.result()
    for who in models:
        assert [step.reason for step in store.history() if step.by == who] == [str(number) for number in range(10)]


def test_a_folder_that_can_not_be_written_is_said_to_be_so(tmp_path: Path, make: Make) -> None:
    """With the mend."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match=r"can't be written \(Not a directory\); give a folder that this user may"):
        Registry(tmp_path / "file" / "models").add(make(1))
    with pytest.raises(RegistryError, match="can't be read"):
        Registry(tmp_path / "file").list()
