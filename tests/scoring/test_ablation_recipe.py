"""What an ablation was made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from flat_payments import MAPPING, write

from graph.flat_files import FlatError
from scoring.ablation_recipe import recipe
from scoring.ablation_run import AblationSettings


def test_a_byte_of_the_files_or_a_setting_makes_another_recipe(tmp_path: Path) -> None:
    """The same files and settings, the same recipe."""
    write(tmp_path)
    mapping, file = tmp_path / "shop.toml", tmp_path / "payments.csv"
    made = [recipe(mapping, tmp_path, AblationSettings()) for _ in range(2)]
    made.append(recipe(mapping, tmp_path, AblationSettings(most=300)))
    file.write_text(file.read_text() + "\n")
    made.append(recipe(mapping, tmp_path, AblationSettings()))
    mapping.write_text(MAPPING.replace("2d", "3d"))
    made.append(recipe(mapping, tmp_path, AblationSettings()))
    assert made[0] == made[1] and len(set(made)) == 4


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    """Not passed over."""
    write(tmp_path)
    (tmp_path / "payments.csv").unlink()
    with pytest.raises(FlatError, match="no such file"):
        recipe(tmp_path / "shop.toml", tmp_path, AblationSettings())
