"""What is put where something else is expected: texts, numbers, and JSON that no encoder writes."""

from __future__ import annotations

TEXTS = (
    "", " ", "a" * 257, "é" * 256, "\U0001f600" * 256, "x" * 5_000, "\x00", "\x00\x01\x7f", "\u202e",
    "NaN", "1e999999999", "-0", "9" * 400, "0x10", "１２", "--", "true", "null", "AeJA",
    "2026-13-45", "9999-12-31T23:59:59+99:99", "0001-01-01T00:00:00+14:00",
    "a:b|c%d", "transfers:7:transfer", "analyst_decisions", "analysts", "fraud_reports", "incremental", "last",
    "__debezium_unavailable_value", "`) DETACH DELETE n //", "' OR 1=1", "$b", "{{7*7}}",
    "phone", "0049", "+", "n/a",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30, 10**400,
    0.1, -0.0, 1.5, 1e308, 5e-324, 32_503_680_000_000,
)  # fmt: skip
RAWS = (
    b"NaN", b"-Infinity", b"1e400", b"-", b"01", b"9" * 4_000, b"9" * 5_000, b"/* x */1", b"",
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\x41"', b'"\xff"', b'"\xed\xa0\x80"',
    b"[" * 2_000 + b"]" * 2_000, b"[" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500,
    b'{"id":1,"id":2}', b'{"":{"":""}}', b"[[[]]]", b"{}",
)  # fmt: skip
EPOCHS = (b"", b"\xff", b'"2"', b"65536", b"-1", b"1.0", b"9" * 5_000, "１".encode(), b" 3 ", b"1_0", b"0")
CLOCKS = (-1, 0, 2**62)
EMPTY = (None, b"", b"null", b"{}", b"[]")
