"""The bank's customers on the first day: households, circles of friends, employers, shops, bills."""

from __future__ import annotations

from random import Random

from deploy.demo import names
from deploy.demo.people import new_home, new_person
from deploy.demo.places import Places
from deploy.demo.rhythm import around
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.world import Account, Device, Employer, Person, Shop, Standing, World

# Category: (share of the merchants, median price in cents, popularity). Popularity 0: bills only, or rare.
TRADES: dict[str, tuple[int, int, float]] = {
    "grocery": (18, 2_900, 40.0),
    "restaurant": (20, 2_400, 9.0),
    "transport": (5, 850, 22.0),
    "pharmacy": (8, 1_700, 6.0),
    "fuel": (7, 5_600, 9.0),
    "online": (12, 4_600, 14.0),
    "clothing": (8, 5_200, 4.0),
    "electronics": (4, 17_000, 1.5),
    "travel": (3, 32_000, 0.8),
    "cashpoint": (5, 8_000, 12.0),
    "charity": (3, 2_500, 0.4),
    "giftcards": (2, 5_000, 0.8),
    "exchange": (2, 15_000, 0.7),
    "remittance": (2, 20_000, 0.5),
    "telecom": (3, 2_900, 0.0),
    "insurance": (4, 6_500, 0.0),
    "utility": (3, 9_000, 0.0),
    "landlord": (12, 78_000, 0.0),
    "notary": (3, 900_000, 0.0),
    "dealer": (3, 650_000, 0.0),
    "lender": (3, 120_000, 0.0),
}
_PAYDAYS = (1, 10, 15, 15, 25, 27, 28, 31, 31)


def populate(settings: BankSettings, rng: Random) -> World:
    """The world at `settings.start_ms`; everybody in it became a customer earlier."""
    world = World(Places(rng, settings.users))
    _companies(world, rng, settings)
    while len(world.people) < settings.users:
        _household(world, rng, settings)
    _friendships(world, rng)
    for person in world.people:
        employ(world, rng, person)
        take_on_bills(world, rng, person)
    _duplicates(world, rng, settings)
    return world


def _companies(world: World, rng: Random, settings: BankSettings) -> None:
    total = sum(share for share, _, _ in TRADES.values())
    wanted = max(40, settings.users // 12)
    for trade, (share, median, popularity) in TRADES.items():
        for _ in range(max(1, round(wanted * share / total))):
            account = _company(world, rng, settings, trade, "merchant")
            world.shops.append(Shop(account, trade, int(around(rng, median, 0.25)), popularity * around(rng, 1, 1.0)))
    for _ in range(max(3, settings.users // 60)):
        account = _company(world, rng, settings, "werke", "payroll")
        offices = tuple(world.places.office(rng) for _ in range(rng.randrange(1, 4)))
        world.employers.append(Employer(account, rng.choice(_PAYDAYS), offices=offices))


def _company(world: World, rng: Random, settings: BankSettings, trade: str, kind: str) -> Account:
    name = names.company_name(rng, trade)
    phone, mail, where = names.phone(rng), names.email(rng, name), names.address(rng)
    person = Person(name, "DE", phone, mail, where, _earlier_ms(rng, settings))
    person.current = Account(person, kind, person.created_ms, bottomless=True)
    world.companies.append(person)
    return person.current


def _earlier_ms(rng: Random, settings: BankSettings) -> int:
    """Some time in the ten years before the start, to the millisecond."""
    return settings.start_ms - 1 - int(rng.random() ** 1.5 * 3_650 * DAY_MS)


def _household(world: World, rng: Random, settings: BankSettings) -> None:
    home = new_home(world, rng)
    size = rng.choices((1, 2, 3, 4, 5), (46, 28, 11, 10, 5))[0]
    home.shared_flat = size >= 3 and rng.random() < 0.45
    for _ in range(min(size, settings.users - len(world.people))):
        world.people.append(new_person(world, rng, home, _earlier_ms(rng, settings)))
    family = len(home.members) > 1 and not home.shared_flat
    if family and rng.random() < 0.6:
        home.tablet = Device(names.computer_model(rng), max(p.created_ms for p in home.members))
    if family:
        share(rng, home.members)


def share(rng: Random, family: list[Person]) -> None:
    """Some families leave one number for all of them; in a few, two use one phone."""
    if rng.random() < 0.2:
        for member in family[1:]:
            member.phone = family[0].phone
    if rng.random() < 0.12:
        family[1].device = family[0].device


def _friendships(world: World, rng: Random) -> None:
    """Circles: neighbours on a ring of all people, a tenth of the ties to anywhere (Watts and Strogatz 1998)."""
    ring = rng.sample(world.people, len(world.people))
    for index, person in enumerate(ring):
        for step in range(1, rng.randrange(2, 5)):
            befriend(person, rng.choice(ring) if rng.random() < 0.1 else ring[(index + step) % len(ring)])
        for mate in person.home.members if person.home else ():
            befriend(person, mate)


def befriend(one: Person, other: Person) -> None:
    """Both know each other from now on."""
    if one is not other and other not in one.friends:
        one.friends.append(other)
        other.friends.append(one)


def employ(world: World, rng: Random, person: Person) -> None:
    """Two in three work for a customer of this bank, half of them at an office."""
    if rng.random() < 0.67:
        employer = rng.choice(world.employers)
        employer.staff.append(person)
        if rng.random() < 0.5:
            person.office = rng.choice(employer.offices)


def take_on_bills(world: World, rng: Random, person: Person) -> None:
    """Monthly bills of a new household member, and a savings plan for some. One per flat pays the rent."""
    account, home = person.main, person.home
    pays_rent = home is not None and home.members[0] is person and rng.random() < 0.7
    if pays_rent:
        _bill(world, rng, account, "landlord", rng.choice((1, 1, 2, 3)), by_hand=rng.random() < 0.35)
    elif home is not None and home.shared_flat and home.members[0] is not person:
        share = int(around(rng, 31_000, 0.2)) // 1_000 * 1_000
        world.standing.append(Standing(account, home.members[0].main, share, rng.choice((1, 1, 28, 30))))
    for category, chance in (("telecom", 0.6), ("insurance", 0.4), ("utility", 0.35)):
        if rng.random() < chance:
            _bill(world, rng, account, category, rng.randrange(1, 29))
    if person.savings is not None and rng.random() < 0.4:
        amount = int(person.salary_cents * 0.06) // 1_000 * 1_000
        world.standing.append(Standing(account, person.savings, amount, rng.randrange(1, 29)))


def _bill(world: World, rng: Random, account: Account, category: str, month_day: int, by_hand: bool = False) -> None:
    shop = rng.choice(world.shops_of(category))
    cents = int(around(rng, shop.median_cents, 0.3))
    world.standing.append(Standing(account, shop.account, cents, month_day, by_hand))


def _duplicates(world: World, rng: Random, settings: BankSettings) -> None:
    """One in a hundred was entered twice; the bank finds out one day and moves the accounts."""
    for person in rng.sample(world.people, len(world.people) // 100):
        assert person.home is not None
        twin = new_person(world, rng, person.home, rng.randrange(person.created_ms, settings.start_ms))
        twin.name, twin.phone, twin.device, twin.computer = person.name, person.phone, person.device, None
        twin.sessions, twin.cards, twin.savings, twin.alias_of = 0.05, 0.1, None, person
        world.people.append(twin)
