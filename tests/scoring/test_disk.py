"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.disk import make_folder, replace_file


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    """Who had the old one open reads on in it; nothing else is left."""
    path = tmp_path / "state"
    replace_file(path, b"old")
    with path.open("rb") as reader:
        replace_file(path, b"new")
        assert reader.read() == b"old" and path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_can_not_be_put_there_leaves_nothing(tmp_path: Path) -> None:
    """The name is a folder's."""
    (tmp_path / "state").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "state", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "state"]


def test_a_folder_appears_with_all_its_files_or_not_at_all(tmp_path: Path) -> None:
    """A name that the second file can't have: the first one goes too."""
    make_folder(tmp_path / "model", {"a": b"1", "b": b"2"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == {"a": b"1", "b": b"2"}
    with pytest.raises(FileNotFoundError):
        make_folder(tmp_path / "other", {"a": b"1", "no/b": b"2"})
    assert list(tmp_path.iterdir()) == [tmp_path / "model"]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Two of one name would be mixed."""
    make_folder(tmp_path / "model", {"a": b"1"})
    with pytest.raises(OSError, match="not empty"):
        make_folder(tmp_path / "model", {"b": b"2"})
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "a"]
