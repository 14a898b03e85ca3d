"""Files that are there whole or not at all, also behind a power cut."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file and have its bytes on the disk.

    Raises:
        FileExistsError: there is one already.
    """
    _put_synced(path, "xb", content)


def append_synced(path: Path, content: bytes) -> None:
    """Put this behind what a file holds, and have it on the disk."""
    _put_synced(path, "ab", content)


def _put_synced(path: Path, mode: Literal["xb", "ab"], content: bytes) -> None:
    with path.open(mode) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in the place of the one that is there: who reads sees the old one or the new one."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_synced(part, content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make a folder with these files; its name appears once they are whole.

    Raises:
        OSError: there is one of that name, or the disk does not take it.
    """
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    try:
        part.mkdir()
        for name, content in contents.items():
            write_synced(part / name, content)
        sync_folder(part)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)  # gone already where it became the folder
    sync_folder(folder.parent)
