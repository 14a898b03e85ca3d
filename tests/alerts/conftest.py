"""Fixtures of the alert tests; they stand in alertsite.py, beside what tests import by name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # alertdata.py, alertsite.py

from alertsite import anyio_backend, postgres, redis_server, serve, services, site, url

__all__ = ["anyio_backend", "postgres", "redis_server", "serve", "services", "site", "url"]
