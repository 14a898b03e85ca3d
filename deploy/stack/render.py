"""The servers' configuration files, from the templates beside this file."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from string import Template

from deploy.stack.secrets import write_private

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: object) -> str:
    """Fill in a template; raises KeyError for a value it asks for and does not get."""
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)


def put(path: Path, text: str, user: str | None = None) -> None:
    """Write a configuration file that only the server's own user can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    uid, gid = ids(user)
    write_private(path, text.encode(), uid, gid)


def own_folder(path: Path, user: str | None = None) -> Path:
    """Make a folder that only the server's own user can enter."""
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, *ids(user))
    path.chmod(0o700)
    return path


def ids(user: str | None) -> tuple[int, int]:
    """Return uid and gid of a system user; -1, -1 (leave as it is) for None."""
    if user is None:
        return -1, -1
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def service_user(packaged: str) -> str | None:
    """Return the system user a server has to run as: the packaged one when we are root, else oneself (None)."""
    return packaged if os.geteuid() == 0 else None
