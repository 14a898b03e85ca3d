"""The tables' history and the models say the same."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from alerts.database import async_url
from alerts.errors import BadSettings
from alerts.migrations import upgrade
from alerts.models import Base


def test_migrations_end_in_the_models(url: str) -> None:
    """Each database; types and defaults too."""
    upgrade(url)
    target = async_url(url)
    engine = create_engine(target.set(drivername="sqlite") if "sqlite" in target.drivername else target)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_upgrading_twice_changes_nothing(url: str) -> None:
    upgrade(url)
    upgrade(url)


@pytest.mark.parametrize(
    ("bad", "said"),
    [("mysql://x/y", "not supported"), ("nonsense", "not a URL"), ("sqlite://", "needs a file")],
)
def test_a_url_that_cannot_be_used_says_the_mend(bad: str, said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        upgrade(bad)
