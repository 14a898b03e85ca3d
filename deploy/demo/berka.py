"""The Czech bank of PKDD'99 (Berka and Sochorova): its files, from a folder of yours, into MariaDB.

The files are not part of Ringwatch. Tables: berka.sql; mapping: graph/mappings/berka-1999-partial.toml.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pymysql

SCHEMA = Path(__file__).with_name("berka.sql")
END = date(1998, 12, 31)  # of the data: what has no date of its own is known from here on
BULK = 1_000  # rows per INSERT

Value = str | date | None
Row = dict[str, Value]


class BadFile(Exception):
    """A file is not the bank's. Says which one, which line, and what was expected."""


def text(cell: str) -> Value:
    """Text or number as it stands (MariaDB reads both exactly); nothing, a blank or a question mark is NULL."""
    return None if cell in ("", " ", "?") else cell


def day(cell: str) -> Value:
    """yymmdd of the 1900s; cards carry a time of day, always midnight."""
    return date(1900 + int(cell[:2]), int(cell[2:4]), int(cell[4:6]))


Columns = dict[str, Callable[[str], Value]]
COLUMNS: dict[str, Columns] = {
    "account": {"account_id": text, "district_id": text, "frequency": text, "date": day},
    "client": {"client_id": text, "birth_number": text, "district_id": text},
    "disp": {"disp_id": text, "client_id": text, "account_id": text, "type": text},
    "order": dict.fromkeys(("order_id", "account_id", "bank_to", "account_to", "amount", "k_symbol"), text),
    "loan": {
        "loan_id": text, "account_id": text, "date": day, "amount": text, "duration": text, "payments": text,
        "status": text,
    },
    "card": {"card_id": text, "disp_id": text, "type": text, "issued": day},
    "district": dict.fromkeys((
        "district_id", "name", "region", "inhabitants", "municipalities_to_499", "municipalities_to_1999",
        "municipalities_to_9999", "municipalities_larger", "cities", "urban_percent", "average_salary",
        "unemployment_95_percent", "unemployment_96_percent", "entrepreneurs_per_1000", "crimes_95", "crimes_96",
    ), text),
    "trans": {
        "trans_id": text, "account_id": text, "date": day, "type": text, "operation": text, "amount": text,
        "balance": text, "k_symbol": text, "bank": text, "account": text,
    },
}  # fmt: skip
"""Every table with its file's columns, in order."""


def rows(folder: Path, table: str) -> Iterator[Row]:
    """The rows of one file, in its order. A last line without its end is half a row and is dropped.

    Raises:
        BadFile: the file is missing or a line is not a row of this table.
    """
    path, columns = folder / f"{table}.asc.gz", COLUMNS[table]
    try:
        lines = gzip.decompress(path.read_bytes()).decode("ascii").split("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{path}: can't be read ({error}); name the folder with the bank's .asc.gz files") from error
    for number, line in enumerate(lines[1:-1], start=2):  # below the header; behind the last end of line is no row
        cells = [cell.strip('"') for cell in line.split(";")]
        if len(cells) != len(columns):
            raise BadFile(f"{path}:{number}: {len(cells)} cells, expected {len(columns)} ({', '.join(columns)})")
        try:
            yield {name: read(cell) for (name, read), cell in zip(columns.items(), cells, strict=True)}
        except ValueError as error:
            raise BadFile(f"{path}:{number}: {error}; expected a date as yymmdd") from error


def tables(folder: Path) -> dict[str, list[Row]]:
    """Every table as it is loaded: the files' rows, and since when each disposition and order is known.

    Raises:
        BadFile: see `rows`.
    """
    found = {table: list(rows(folder, table)) for table in COLUMNS}
    opened = {row["account_id"]: row["date"] for row in found["account"]}
    for row in found["disp"]:
        row["since"] = opened[row["account_id"]] if row["type"] == "OWNER" else END
    for row in found["order"]:
        row["since"] = END
    return found


def load(connection: pymysql.Connection, folder: Path) -> dict[str, int]:
    """Make the tables anew and fill them; returns how many rows each has.

    Raises:
        BadFile: see `rows`; nothing was written.
    """
    found = tables(folder)
    with connection.cursor() as cursor:
        for table in found:
            cursor.execute(f"DROP TABLE IF EXISTS `{table}`")
        for statement in SCHEMA.read_text(encoding="utf-8").split(";\n")[:-1]:
            cursor.execute(statement)
        for table, content in found.items():
            names = list(content[0])
            into = f"INSERT INTO `{table}` ({','.join(f'`{name}`' for name in names)}) VALUES "
            for first in range(0, len(content), BULK):
                batch = content[first : first + BULK]
                places = ",".join([f"({','.join(['%s'] * len(names))})"] * len(batch))
                cursor.execute(into + places, [row[name] for row in batch for name in names])
    connection.commit()
    return {table: len(content) for table, content in found.items()}


def main() -> None:
    """Load the bank into a database of the MariaDB in Ringwatch's settings."""
    from deploy.bankside import mariadb
    from deploy.config import settings

    parser = argparse.ArgumentParser(prog="python -m deploy.demo.berka", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where the bank's .asc.gz files are")
    parser.add_argument("--database", default="berka", help="has to exist, and the account may write there")
    args = parser.parse_args()
    at = mariadb(settings())
    try:
        with pymysql.connect(
            host=at.host, port=at.port, user=at.user, password=at.password, database=args.database
        ) as connection:
            for table, count in load(connection, args.folder).items():
                print(f"{table}: {count:,} rows")
    except (BadFile, pymysql.MySQLError) as error:
        raise SystemExit(f"nothing usable was loaded into {args.database}: {error}") from error


if __name__ == "__main__":
    main()
