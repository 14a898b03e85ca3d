"""The bytes of a model folder: read whole, with a limit, never through a link, and compared with their digests.

The digest of the manifest lies beside it (`sha256sum -c manifest.sha256` checks it too), that of every other file in
it. That finds damage and a slip of the hand. It is no signature: whoever may write the folder can write both, which
is why a registry notes the manifest's digest when a model is promoted.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from scoring.manifest import MANIFEST, ModelRefused

DIGEST = "manifest.sha256"
MANIFEST_MOST = 1 << 20  # bytes; the demo's has 8 kB
FILE_MOST = 64 << 20  # bytes; the demo's largest has 1.4 MB, a network of 1,024 hidden about 40 MB


def sha256(content: bytes) -> str:
    """Of a file's content, in hex."""
    return hashlib.sha256(content).hexdigest()


def digest_line(manifest: bytes) -> bytes:
    """What the digest file holds: as `sha256sum` writes it."""
    return f"{sha256(manifest)}  {MANIFEST}\n".encode()


def read_manifest(folder: Path) -> bytes:
    """The manifest's bytes, as their digest has them.

    Raises:
        ModelRefused: either can't be read, or they differ.
    """
    manifest = read_file(folder, MANIFEST, MANIFEST_MOST)
    written = read_file(folder, DIGEST, MANIFEST_MOST)
    if written != digest_line(manifest):
        raise ModelRefused(folder, f"{MANIFEST} has sha256 {sha256(manifest)[:12]}…, {DIGEST} says otherwise")
    return manifest


def read_files(folder: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """Files by name, each as its digest has it.

    A file that is not listed is refused, not passed over: nobody vouches for it, and who finds it beside the
    weights takes it for part of the model.

    Raises:
        ModelRefused: one can't be read or differs, or the folder holds more than these and the manifest.
    """
    _refuse_more(folder, {*files, MANIFEST, DIGEST})
    return {name: _checked(folder, name, digest) for name, digest in files.items()}


def _refuse_more(folder: Path, listed: Iterable[str]) -> None:
    try:
        more = sorted({entry.name for entry in os.scandir(folder)}.difference(listed))
    except OSError as error:
        raise ModelRefused(folder, f"it can't be listed ({error.strerror})") from error
    if more:
        raise ModelRefused(folder, f"it holds {more[0]!r}, which the manifest does not list", "take that out")


def _checked(folder: Path, name: str, digest: str) -> bytes:
    content = read_file(folder, name, FILE_MOST)
    if (found := sha256(content)) != digest:
        raise ModelRefused(folder, f"{name} has sha256 {found[:12]}…, the manifest says {digest[:12]!r}…")
    return content


def read_file(folder: Path, name: str, most: int = FILE_MOST) -> bytes:
    """A regular file of `most` bytes at most, not through a link.

    Raises:
        ModelRefused: it is not that, or can't be read.
    """
    try:  # not through a link, and without waiting for whoever would write into a pipe
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ModelRefused(folder, f"{name} is no regular file")
            content = file.read(most + 1)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ModelRefused(folder, f"{name} is a symbolic link", "put the file itself there") from error
        raise ModelRefused(folder, f"{name} can't be read ({error.strerror})") from error
    if len(content) > most:
        raise ModelRefused(folder, f"{name} is larger than {most:,} bytes")
    return content
