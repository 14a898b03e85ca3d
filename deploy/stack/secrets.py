"""The servers' passwords: made at random at the first start, kept in one file that only its owner reads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from secrets import token_hex

import msgspec

from deploy.stack.errors import StackError

PASSWORD_BYTES = 16  # 128 bits, written as 32 hex digits: nothing to quote in SQL, URLs or property files


def _generated() -> str:
    return token_hex(PASSWORD_BYTES)


@dataclass(frozen=True, slots=True)
class Secrets:
    """One password per account; none of them shows in a repr."""

    mariadb_bank: str = field(default_factory=_generated, repr=False)
    mariadb_dbz: str = field(default_factory=_generated, repr=False)
    neo4j: str = field(default_factory=_generated, repr=False)
    postgres_admin: str = field(default_factory=_generated, repr=False)
    postgres_ringwatch: str = field(default_factory=_generated, repr=False)
    postgres_bank: str = field(default_factory=_generated, repr=False)
    postgres_dbz: str = field(default_factory=_generated, repr=False)
    redis: str = field(default_factory=_generated, repr=False)

    def __post_init__(self) -> None:
        for each in fields(self):
            if len(getattr(self, each.name)) < 2 * PASSWORD_BYTES:
                raise ValueError(f"the password {each.name} is shorter than {2 * PASSWORD_BYTES} characters")


def load_secrets(path: Path) -> Secrets:
    """Read the passwords; raises FileNotFoundError before the first start and StackError for a damaged file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    except (msgspec.DecodeError, ValueError) as error:
        raise StackError(
            f"{path} does not hold the servers' passwords ({error}): put the file back, "
            "or remove the whole data folder to begin anew"
        ) from error


def ensure_secrets(path: Path) -> Secrets:
    """Read the passwords, making those that are missing: all at the first start, a new account's after an update."""
    secrets = load_secrets(path) if path.exists() else Secrets()
    wanted = msgspec.json.format(msgspec.json.encode(secrets))
    if not path.exists() or path.read_bytes() != wanted:
        write_private(path, wanted)
    return secrets


def write_private(path: Path, content: bytes, uid: int = -1, gid: int = -1) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchown(descriptor, uid, gid)
        file.write(content)
    part.replace(path)
