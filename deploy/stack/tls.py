"""TLS on the way to the bank's MariaDB or MySQL, the same for the connector and for us."""

from __future__ import annotations

import ipaddress
import ssl

COMPOSE_HOST = "mariadb"  # the service of docker-compose.yml


def local(host: str, *services: str) -> bool:
    """Loopback and Compose's own network can do without TLS."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", *services)


def mode_of(host: str, wanted: str | None) -> str:
    """As wanted (RINGWATCH_MARIADB_SSL); else it is on elsewhere, with whatever certificate."""
    return wanted or ("disable" if local(host, COMPOSE_HOST) else "trust")


def tls(host: str, wanted: str | None) -> ssl.SSLContext | None:
    """By Debezium's words: trust takes any certificate, verify-ca any host with a good one. None: without."""
    mode = mode_of(host, wanted)
    if mode == "disable":
        return None
    context = ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    if mode == "trust":
        context.verify_mode = ssl.CERT_NONE
    return context
