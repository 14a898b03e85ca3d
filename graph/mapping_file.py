"""A mapping file read and validated: errors name file, line, field and what was expected.

The mapping is the only place that knows a bank's schema. Its fields: graph/mapping_rules.py.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from graph.mapping_checks import cross_checks
from graph.mapping_rules import IDENTIFIER as IDENTIFIER
from graph.mapping_rules import EdgeRule as EdgeRule  # readers of a mapping take its parts from here
from graph.mapping_rules import EventRef as EventRef
from graph.mapping_rules import LabelRule as LabelRule
from graph.mapping_rules import MappingFile as MappingFile
from graph.mapping_rules import NodeRef as NodeRef
from graph.mapping_rules import NodeRule as NodeRule
from graph.mapping_rules import Property as Property
from graph.mapping_rules import TableRule as TableRule
from graph.mapping_rules import TimeColumn as TimeColumn
from graph.toml_file import TomlError, problems_of, read_toml
from graph.toml_file import listed as listed
from graph.toml_lines import Loc, line_numbers


class MappingError(Exception):
    """A mapping can't be used. Says file, line, field and what was expected."""


def read_mapping(path: Path) -> MappingFile:
    """Read and validate a mapping.

    Raises:
        MappingError: it can't be read or is not a mapping; each problem on a line of its own.
    """
    try:
        data, lines = read_toml(path, "mapping file")
    except TomlError as error:
        raise MappingError(str(error)) from error
    try:
        mapping = MappingFile.model_validate(data)
    except ValidationError as error:
        raise MappingError(listed(path, lines, problems_of(error))) from error
    if wrong := cross_checks(mapping):
        raise MappingError(listed(path, lines, wrong))
    return mapping


def read_lines(path: Path) -> dict[Loc, int]:
    """Where each field of a mapping that was read stands."""
    return line_numbers(path.read_text("utf-8").replace("\r\n", "\n"))
