"""What the API looks like: OpenAPI 3.1 for programs, one page without scripts for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import msgspec

from scoring.deciding.decision import Answer
from scoring.deciding.problem import MEDIA_TYPE, STATUS, TITLES
from scoring.deciding.request import Body

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "code,pre{background:#f4f4f4}pre{padding:1rem;overflow:auto}"
)
EXAMPLE = {
    "id": "transfers:981:transfer", "relation": "TRANSFER", "src": "Account:17", "dst": "Account:18",
    "time_ms": 1_770_000_000_000, "attributes": {"amount": "250.00", "currency": "EUR"}, "deadline_ms": 50,
}  # fmt: skip
SUMMARY = (
    "What to do with a transfer that is not committed yet. An answer leaves before the deadline, counted from the "
    "request's arrival; where there is no score by then it is the configured fall-back verdict, and says so. "
    "Slowness is never an error status."
)


def description(relations: Sequence[str]) -> dict[str, Any]:
    """OpenAPI 3.1 of a server whose mapping scores these relations."""
    (body, answer), parts = msgspec.json.schema_components([Body, Answer], ref_template="#/components/schemas/{name}")
    parts["Body"]["properties"]["relation"]["enum"] = list(relations)
    parts["Problem"] = {
        "type": "object", "required": ["type", "title", "status", "detail"],
        "properties": {name: {"type": "string"} for name in ("type", "title", "detail", "where", "mend")}
        | {"status": {"type": "integer"}},
    }  # fmt: skip
    operation = {
        "summary": "Score a transfer", "description": SUMMARY, "operationId": "score",
        "parameters": [{
            "name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string"},
            "description": "The same for a transfer's retries, which get the first answer; default: the id.",
        }],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body, "example": EXAMPLE}}},
        "responses": {"200": _said("The verdict, a fall-back included", "application/json", answer), **_refusals()},
    }  # fmt: skip
    return {
        "openapi": "3.1.0", "info": {"title": "Ringwatch decisions", "version": "1"},
        "paths": {"/v1/score": {"post": operation}}, "security": [{"token": []}],
        "components": {"schemas": parts, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }  # fmt: skip


def _refusals() -> dict[str, Any]:
    problem = {"$ref": "#/components/schemas/Problem"}
    by_status: dict[int, list[str]] = {}
    for kind, status in STATUS.items():
        by_status.setdefault(status, []).append(TITLES[kind])
    return {str(status): _said("; ".join(titles), MEDIA_TYPE, problem) for status, titles in sorted(by_status.items())}


def _said(what: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": what, "content": {media_type: {"schema": schema}}}


def page(described: dict[str, Any]) -> str:
    """The same as a page."""
    return "\n".join(_lines(described))


def _lines(described: dict[str, Any]) -> Iterator[str]:
    operation, parts = described["paths"]["/v1/score"]["post"], described["components"]["schemas"]
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>Ringwatch decisions</title><style>{STYLE}</style>"
    yield f"<h1>POST /v1/score</h1><p>{escape(operation['description'])}</p>"
    yield "<p>Send <code>Authorization: Bearer …</code>. For programs: <a href=/openapi.json>openapi.json</a>.</p>"
    yield f"<h2>Request</h2><pre>{escape(msgspec.json.format(msgspec.json.encode(EXAMPLE)).decode())}</pre>"
    yield from _fields(parts["Body"])
    header = operation["parameters"][0]
    yield f"<p><code>{header['name']}</code>: {escape(header['description'])}</p><h2>Answer</h2>"
    yield from _fields(parts["Answer"])
    yield "<h2>Problems</h2><table><tr><th>type<th>status<th>what"
    for kind, status in STATUS.items():
        yield f'<tr id="{kind}"><td><code>/docs#{kind}</code><td>{status}<td>{escape(TITLES[kind])}'
    yield "</table></html>"


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    needed = schema.get("required", [])
    yield "<table><tr><th>field<th>needed<th>what"
    for name, field in schema["properties"].items():
        shown = {key: value for key, value in field.items() if key not in ("description", "examples", "default")}
        said = f"{field.get('description', '')} {msgspec.json.encode(shown).decode()}"
        yield f"<tr><td><code>{name}</code><td>{'yes' if name in needed else 'no'}<td>{escape(said)}"
    yield "</table>"
