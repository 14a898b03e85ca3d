"""RINGWATCH_KAFKA_OPTIONS holds librdkafka's settings; the scorer reads by Faust, which has words of its own."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import faust

from deploy.config import PREFIX, ConfigError

NAME = f"{PREFIX}KAFKA_OPTIONS"
KNOWN = frozenset({
    "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password", "ssl.ca.location",
    "compression.type",
})  # fmt: skip
PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
COMPRESSIONS = ("none", "gzip")  # what aiokafka reads without further packages


def faust_options(options: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of `faust.App` that say of reading the same as librdkafka's options.

    Raises:
        ConfigError: an option or value that Faust has no word for; left out, the scorer would run otherwise than meant.
    """
    if foreign := sorted(options.keys() - KNOWN):
        raise ConfigError(
            f"{NAME}: the scorer can't follow {', '.join(foreign)}; it knows {', '.join(sorted(KNOWN))}. "
            "Leave the others out where the scorer runs"
        )
    _one_of(options, "compression.type", COMPRESSIONS, "none")  # ingest writes what the scorer reads
    credentials = _credentials(options)
    return {"broker_credentials": credentials} if credentials else {}


def _credentials(options: Mapping[str, str]) -> faust.SSLCredentials | faust.SASLCredentials | None:
    protocol = _one_of({k: v.lower() for k, v in options.items()}, "security.protocol", PROTOCOLS, "plaintext")
    context = _context(options.get("ssl.ca.location")) if protocol.endswith("ssl") else None
    if not protocol.startswith("sasl"):
        return faust.SSLCredentials(context) if context else None
    named = "sasl.mechanism" if "sasl.mechanism" in options else "sasl.mechanisms"
    if lacking := [key for key in (named, "sasl.username", "sasl.password") if not options.get(key)]:
        raise ConfigError(f"{NAME}: {protocol} needs {', '.join(lacking)} as well")
    return faust.SASLCredentials(
        mechanism=_one_of(options, named, MECHANISMS, ""),
        username=options["sasl.username"],
        password=options["sasl.password"],
        ssl_context=context,
    )


def _context(authority: str | None) -> ssl.SSLContext:
    """Trusts the file or folder of certificates, the system's where none is named; checks names as librdkafka does."""
    folder = authority is not None and Path(authority).is_dir()
    try:
        return ssl.create_default_context(capath=authority) if folder else ssl.create_default_context(cafile=authority)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"{NAME}: ssl.ca.location {authority} can't be read as PEM certificates ({error.strerror or error})"
        ) from error


def _one_of(options: Mapping[str, str], key: str, known: tuple[str, ...], default: str) -> str:
    value = options.get(key, default)
    if value not in known:
        raise ConfigError(f"{NAME}: {key} is {value!r}; the scorer knows {', '.join(known)}")
    return value
