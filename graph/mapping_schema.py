"""The mapping format as a JSON Schema, for editors: `#:schema mapping.schema.json` on a mapping's first line."""

from __future__ import annotations

import json
from pathlib import Path

from graph.mapping_rules import MappingFile

SHIPPED = Path(__file__).parent / "mappings" / "mapping.schema.json"


def schema_text() -> str:
    """The schema of the models; `SHIPPED` holds the same text."""
    schema = MappingFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Ringwatch mapping"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
