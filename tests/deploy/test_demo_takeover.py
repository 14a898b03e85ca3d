"""The recorded takeover: the alert names the new device and the changed contact."""

from __future__ import annotations

import pytest

from deploy.demo.takeover import SEED, main


def test_the_alert_on_the_transfer_names_the_new_device_and_the_changed_contact(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the rules' sentence, and among the strongest parts of the model's explanation."""
    main(SEED)
    said = capsys.readouterr().out
    _, _, alert = said.partition("The first alert on a transfer")
    assert "logged in on device" in alert and "for the first time" in alert and "then changed the" in alert
    _, _, parts = alert.partition("In full")
    assert ":login)" in parts and ":change)" in parts and "known to be fraud since" in parts
