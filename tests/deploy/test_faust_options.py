"""What the scorer's Kafka client is given for RINGWATCH_KAFKA_OPTIONS."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from deploy.config import ConfigError
from deploy.faust_options import faust_options

SASL = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "ringwatch", "sasl.password": "s3cr3t"}


def client(options: dict[str, str]) -> Any:
    """What aiokafka is told, by way of an app of Faust."""
    app = faust.App("any", broker="kafka://127.0.0.1:1", web_enabled=False, **faust_options(options))
    return credentials_to_aiokafka_auth(app.conf.broker_credentials, app.conf.ssl_context)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A certificate of nobody else's."""
    path = tmp_path / "ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
         "/CN=Test authority", "-keyout", str(tmp_path / "ca.key"), "-out", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


def test_without_options_faust_is_told_nothing() -> None:
    """The local stack's broker has neither TLS nor accounts."""
    assert faust_options({}) == {} and faust_options({"security.protocol": "plaintext"}) == {}


def test_tls_trusts_the_authority_that_is_named_and_no_other(authority: Path) -> None:
    """And checks the broker's name."""
    found = client({"security.protocol": "SSL", "ssl.ca.location": str(authority)})
    context = found["ssl_context"]
    assert found["security_protocol"] == "SSL"
    assert [dict(part[0] for part in one["subject"]) for one in context.get_ca_certs()] == [
        {"commonName": "Test authority"}
    ]
    assert context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED


def test_an_account_without_tls() -> None:
    """Name, password and mechanism arrive."""
    found = client({"security.protocol": "SASL_PLAINTEXT", **SASL})
    assert found == {
        "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "ringwatch",
        "sasl_plain_password": "s3cr3t", "ssl_context": None,
    }  # fmt: skip


def test_an_account_over_tls(authority: Path) -> None:
    """librdkafka's other spelling of the mechanism is taken too."""
    options = {"sasl.mechanisms" if key == "sasl.mechanism" else key: value for key, value in SASL.items()}
    found = client({"security.protocol": "sasl_ssl", "ssl.ca.location": str(authority), **options})
    assert (found["security_protocol"], found["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert isinstance(found["ssl_context"], ssl.SSLContext)


def test_how_it_is_written_is_none_of_faust_s_business() -> None:
    """librdkafka writes; for a thin network (DECISIONS.md, 9)."""
    assert faust_options({"compression.type": "gzip"}) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ssl.key.password": "s3cr3t", "client.rack": "a"}, r"can't follow client\.rack, ssl\.key\.password"),
        ({"security.protocol": "tls"}, "security.protocol is 'tls'"),
        ({"security.protocol": "SASL_SSL", **SASL, "sasl.mechanism": "GSSAPI"}, "sasl.mechanism is 'GSSAPI'"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}, r"needs sasl\.username, sasl\.password"),
        ({"security.protocol": "SSL", "ssl.ca.location": "/none.pem"}, r"ssl\.ca\.location /none\.pem can't be read"),
        ({"compression.type": "zstd"}, "compression.type is 'zstd'"),
    ],
)
def test_what_faust_has_no_word_for_is_refused(options: dict[str, str], said: str) -> None:
    """By its name; a password is not shown."""
    with pytest.raises(ConfigError, match=f"RINGWATCH_KAFKA_OPTIONS.*{said}") as caught:
        faust_options(options)
    assert "s3cr3t" not in str(caught.value)
