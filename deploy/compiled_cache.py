"""What numba keeps of compiled code, thrown away when the sources it was made of have changed.

Numba looks at the file a function stands in, and takes what that calls or reads from other files for unchanged (its
documentation, "Limitations" of caching): after a pull that touches only a helper, features would be computed as before
it, with nothing to show it. So a digest of all files that compiled code is made of is kept beside what they made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

PACKAGES = tuple(Path(__file__).parents[1] / name for name in ("graph", "scoring"))
MARK = "compiled-from.sha256"  # in the first package's __pycache__
NUMBA = re.compile(r"^(?:from|import) numba\b", re.MULTILINE)
OURS = re.compile(r"^from ((?:graph|scoring)[.\w]*) import", re.MULTILINE)


def drop_stale(packages: Sequence[Path] = PACKAGES) -> int:
    """Remove what was compiled from other sources than these; how many files that were.

    Called before anything compiled runs, costs some 10 ms. Where nothing may be removed (a read-only installation),
    nothing is.
    """
    digest, mark = _digest(packages), packages[0] / "__pycache__" / MARK
    if mark.is_file() and mark.read_text() == digest:
        return 0
    dropped = 0
    with suppress(OSError):
        for kept in _kept(packages):
            kept.unlink(missing_ok=True)  # another process may do the same
            dropped += 1
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(digest)
    return dropped


def _kept(packages: Iterable[Path]) -> list[Path]:
    return [kept for package in packages for kept in package.rglob("__pycache__/*.nb[ic]")]


def _digest(packages: Sequence[Path]) -> str:
    """Of all files that compile something, and of those they take something from."""
    texts = {path: path.read_text() for package in packages for path in package.rglob("*.py")}
    compiling = {path for path, text in texts.items() if NUMBA.search(text)}
    root = packages[0].parent
    taken = {root / f"{name.replace('.', '/')}.py" for path in compiling for name in OURS.findall(texts[path])}
    digest = hashlib.sha256()
    for path in sorted(compiling | (taken & texts.keys())):
        digest.update(f"{path.relative_to(root)}\0{texts[path]}\0".encode())
    return digest.hexdigest()
