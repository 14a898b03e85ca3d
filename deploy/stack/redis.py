"""Redis: rate limits and fan-out between replicas of the alert service."""

from __future__ import annotations

from contextlib import closing

from redis import Redis

from deploy.stack.install import program
from deploy.stack.layout import Layout
from deploy.stack.process import Command
from deploy.stack.render import own_folder, put, render
from deploy.stack.secrets import Secrets
from deploy.stack.server import HOST, Server


def server(layout: Layout, secrets: Secrets) -> Server:
    """Return the Redis server."""
    return Server(
        name="redis", title="Redis", ports=(layout.ports.redis,), home=layout.home("redis"),
        log=layout.log("redis"), pid_file=layout.pid_file("redis"),
        prepare=lambda: _prepare(layout, secrets), health=lambda: _health(layout.ports.redis, secrets),
    )


def configuration(layout: Layout, secrets: Secrets) -> str:
    """Return the server's configuration file."""
    return render("redis.conf", port=layout.ports.redis, home=layout.home("redis"), password=secrets.redis)


def _prepare(layout: Layout, secrets: Secrets) -> Command:
    home = own_folder(layout.home("redis"))
    put(home / "redis.conf", configuration(layout, secrets))
    return Command((program("redis-server"), str(home / "redis.conf")), folder=home)


def _health(port: int, secrets: Secrets) -> None:
    with closing(Redis(host=HOST, port=port, password=secrets.redis, socket_timeout=3)) as client:
        client.ping()
