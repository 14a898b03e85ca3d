"""Names and contacts of invented people and companies."""

from __future__ import annotations

import unicodedata
from random import Random


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words(
    "Anna Ben Clara David Emma Felix Greta Hannes Ida Jonas Katrin Lukas Mia Noah Olga Paul Rosa Simon Tereza "
    "Uwe Vera Willem Yara Zoë Jürgen Łukasz Chloé Søren Małgorzata Matěj José Inês Ayşe Mehmet Giulia Marco "
    "Elin Björn Petra Karel Sofia Dimitri Nina Omar Leïla Tomáš Ewa Finn Marta Hugo Alma Igor Lea Max"
)
_LAST = _words(
    "Müller Novák Schmidt Kowalski Jansen Rossi Silva Dubois Svoboda Weber Fischer Horák Lindqvist Nielsen Yılmaz "
    "Bauer Černý García Popescu Nagy Moreau Keller Hoffmann Wójcik Visser Bianchi Ferreira Petit Krämer Dvořák "
    "Berger Andersson Sørensen Kaya Vogel Procházka Martínez Ionescu Szabó Laurent Brandt Peeters Costa Huber"
)
_STREETS = _words(
    "Linden Garten Bahnhof Schiller Goethe Mühlen Berg Wald Ring Park Kirch Schul Wiesen Ufer Markt Rosen Tal"
)
_CITIES = _words("Köln Bonn Aachen Trier Mainz Ulm Erfurt Jena Kassel Bremen Kiel Rostock Halle Essen Hagen")
_COUNTRIES = ("DE",) * 14 + ("AT", "CZ", "NL", "PL", "FR", "IT")
_MAIL = ("mail.example", "post.example", "inbox.example", "web.example")
_MODELS = (
    "Pixel 7", "Pixel 8", "Pixel 9", "Galaxy S22", "Galaxy S23", "Galaxy S24", "Galaxy A54", "Galaxy A34",
    "iPhone 12", "iPhone 13", "iPhone 14", "iPhone 15", "iPhone 16", "Redmi Note 12", "Redmi Note 13",
    "Moto G84", "Nothing Phone 2", "Xperia 10",
)  # fmt: skip
_COMPUTERS = ("Windows PC", "Windows PC", "Windows PC", "MacBook", "Linux PC", "iPad 9", "iPad 10", "Galaxy Tab A8")


def person_name(rng: Random) -> str:
    """First name and surname."""
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


def company_name(rng: Random, trade: str) -> str:
    """Surname, trade, legal form."""
    return f"{rng.choice(_LAST)} {trade.capitalize()} {rng.choice(('GmbH', 'KG', 'AG', 'e.K.'))}"


def country(rng: Random) -> str:
    """ISO 3166 code, mostly DE."""
    return rng.choice(_COUNTRIES)


def phone(rng: Random) -> str:
    """A German mobile number two digits longer than any real one: it rings nowhere."""
    return f"+4917139200{rng.randrange(10_000_000):07d}"


def email(rng: Random, name: str) -> str:
    """An address under a reserved domain (RFC 2606)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace(" ", ".")
    return f"{plain}{rng.randrange(10_000)}@{rng.choice(_MAIL)}"


def address(rng: Random) -> str:
    """Street, number, city."""
    return f"{rng.choice(_STREETS)}straße {rng.randrange(1, 200)}, {rng.choice(_CITIES)}"


def phone_model(rng: Random) -> str:
    """A phone's model."""
    return rng.choice(_MODELS)


def computer_model(rng: Random) -> str:
    """A computer's or tablet's model."""
    return rng.choice(_COMPUTERS)
