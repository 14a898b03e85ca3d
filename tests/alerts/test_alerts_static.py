"""What is shipped with the pages: nothing from elsewhere, and licences for what is not ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import alerts

PACKAGE = Path(alerts.__file__).parent
VENDOR = PACKAGE / "static" / "vendor"
OURS = [*(PACKAGE / "templates").iterdir(), *(p for p in (PACKAGE / "static").iterdir() if p.suffix in {".js", ".css"})]
PINS: dict[str, str] = json.loads((PACKAGE / "static" / "package.json").read_text())["dependencies"]


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_no_file_of_ours_names_an_address_elsewhere(file: Path) -> None:
    assert not re.search(r"""https?://|["'(]//[a-z]""", file.read_text())


@pytest.mark.parametrize("template", sorted((PACKAGE / "templates").iterdir()), ids=lambda file: file.name)
def test_no_template_has_inline_script_or_style(template: Path) -> None:
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|\|\s*safe\s*}}", template.read_text())


@pytest.mark.parametrize("package", sorted(PINS))
def test_each_vendored_package_has_its_licence_and_an_exact_version(package: str) -> None:
    assert (VENDOR / f"LICENSE.{package}").stat().st_size > 300
    assert re.fullmatch(r"\d+\.\d+\.\d+", PINS[package])


@pytest.mark.parametrize(("package", "file"), [("cytoscape", "cytoscape.min.js"), ("htmx.org", "htmx.min.js")])
def test_the_vendored_file_is_the_version_pinned(package: str, file: str) -> None:
    assert PINS[package] in (VENDOR / file).read_text()


def test_no_vendored_file_asks_for_a_source_map() -> None:
    assert not [file.name for file in VENDOR.glob("*.js") if "sourceMappingURL" in file.read_text()]
