"""Dead letters found, shown, sent again and given up; on topics in memory."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fakes import Crash, Faults, MemoryTopics

from ingest.deadletter import DeadLetter
from ingest.events import Transient
from ingest.letterbox import BATCH, Letterbox, LetterError, place_of
from ingest.letterindex import Wanted, kind_of
from ingest.records import DEAD_LETTERS, Message

TOPIC = "bank.bank.transfers"
EVERY = Wanted()
REASON = "column 'amount' holds 'much', expected decimal: not a number"


def letter(offset: int = 0, topic: str = TOPIC, reason: str = REASON, refused_ms: int = 1_000) -> DeadLetter:
    key, value = b'{"id":%d}' % offset, b'{"op":"c","n":%d}' % offset
    return DeadLetter(topic, 2, offset, "", reason, key, value, refused_ms, (("epoch", b"1"), ("x", b"")))


def topics(*letters: DeadLetter, faults: Faults | None = None) -> MemoryTopics:
    made = MemoryTopics(faults)
    made.publish([each.message() for each in letters])
    return made


def places(box: Letterbox, wanted: Wanted = EVERY, limit: int = 100) -> list[str]:
    return [line.place for line in box.index.lines(wanted, limit)]


def test_a_letter_met_twice_is_one() -> None:
    """Ingest published it, crashed before the commit, and met the record again."""
    assert places(Letterbox(topics(letter(1), letter(1), letter(2)))) == [letter(1).place, letter(2).place]


def test_letters_are_listed_newest_first_and_counted_all() -> None:
    """However few are shown."""
    box = Letterbox(topics(*(letter(n, refused_ms=1_000 + n) for n in range(5))))
    assert places(box, limit=2) == [letter(4).place, letter(3).place] and box.count(Wanted()) == 5


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(topic=TOPIC), {1, 2}), (Wanted(topic="transfers"), {1, 2}), (Wanted(topic="fers"), set()),
        (Wanted(topic="graph.events"), {3}), (Wanted(reason="AMOUNT"), {1, 3}), (Wanted(reason="%"), set()),
        (Wanted(since_ms=1_002), {2, 3}), (Wanted("transfers", "not json", 1_000), {2}),
    ],
)  # fmt: skip
def test_letters_are_chosen_by_topic_table_reason_and_time(wanted: Wanted, found: set[int]) -> None:
    """Text is looked for as it stands; nothing in it is a pattern."""
    box = Letterbox(topics(
        letter(1, refused_ms=1_001), letter(2, reason="not JSON: cut off", refused_ms=1_002),
        letter(3, topic="graph.events", refused_ms=1_003),
    ))  # fmt: skip
    assert (
        {int(place.rpartition("@")[2]) for place in places(box, wanted)}
        == found
        == {int(spot.place.rpartition("@")[2]) for spot in box.index.spots(wanted)}
    )
    assert box.count(wanted) == len(found)


def test_reasons_of_one_kind_are_counted_together() -> None:
    """Whatever value they quote."""
    reasons = ["column 'a' holds 'x', expected decimal: no", "column 'a' holds 'y' 7, expected decimal: no",
               "column 'b' holds 1, expected decimal: no"]  # fmt: skip
    kinds = Letterbox(topics(*(letter(n, reason=text) for n, text in enumerate(reasons)))).index.kinds(Wanted(), 9)
    assert kinds == [("column 'a' holds …, expected decimal: no", 2), ("column 'b' holds …, expected decimal: no", 1)]


def test_a_kind_is_short() -> None:
    """A reason may quote a whole record."""
    assert len(kind_of("x" * 10_000)) < 200


def test_a_letter_is_shown_whole() -> None:
    """As it was put aside."""
    assert Letterbox(topics(letter(1), letter(2))).letter(letter(2).place) == letter(2)


def test_a_replay_sends_the_record_as_it_was_where_it_was() -> None:
    """Key, value, headers, partition; then the letter is settled, in the partition it is in."""
    there = topics(letter(1), letter(2))
    box = Letterbox(there)
    assert box.replay(box.named([letter(1).place]), there) == 1
    (again,) = there.records(TOPIC)
    assert (again.partition, again.key, again.value) == (2, letter(1).key, letter(1).value)
    assert again.headers == letter(1).headers
    assert places(Letterbox(there)) == [letter(2).place]


def test_a_record_without_key_or_value_is_sent_as_it_was() -> None:
    """None stays None: an empty key is another."""
    bare = DeadLetter(TOPIC, 0, 5, "", "neither key nor value", None, None, 1)
    there = topics(bare)
    Letterbox(there).replay(Wanted(), there)
    assert [(record.key, record.value) for record in there.records(TOPIC)] == [(None, None)]


def test_dropping_sends_nothing() -> None:
    """The letter is settled all the same."""
    there = topics(letter(1), letter(2))
    assert Letterbox(there).drop(Wanted(), there) == 2
    assert there.records(TOPIC) == [] and places(Letterbox(there)) == []


@pytest.mark.parametrize("many", [1, BATCH, BATCH + 1, 3 * BATCH])
def test_all_are_sent_each_once(many: int) -> None:
    """In as many batches as it takes."""
    there = topics(*(letter(n) for n in range(many)))
    assert Letterbox(there).replay(Wanted(), there) == many
    assert sorted(record.key or b"" for record in there.records(TOPIC)) == sorted(b'{"id":%d}' % n for n in range(many))
    assert Letterbox(there).count(Wanted()) == 0


class Dies:
    """A publisher whose process ends at a step, before or after it took effect."""

    def __init__(self, there: MemoryTopics, step: int, after: bool) -> None:
        self.there, self.left, self.after = there, step, after

    def publish(self, messages: Sequence[Message]) -> None:
        self.left -= 1
        if self.left or self.after:
            self.there.publish(messages)
        if not self.left:
            raise Crash()


@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after"])
@pytest.mark.parametrize("step", [1, 2], ids=["sending", "settling"])
def test_a_crash_in_a_replay_loses_no_record(step: int, after: bool) -> None:
    """It may be sent twice, which changes nothing; a letter is never settled without having been sent."""
    there = topics(letter(1))
    with pytest.raises(Crash):
        Letterbox(there).replay(Wanted(), Dies(there, step, after))
    left = Letterbox(there)
    assert left.count(Wanted()) == (0 if step == 2 and after else 1)
    left.replay(Wanted(), there)
    assert there.records(TOPIC) and Letterbox(there).count(Wanted()) == 0


def test_what_kafka_did_not_take_stays_open() -> None:
    """The command says so and can be run again."""
    faults = Faults()
    there = topics(letter(1), faults=faults)
    faults.before("publish", Transient("away"))
    with pytest.raises(Transient):
        Letterbox(there).replay(Wanted(), there)
    assert places(Letterbox(there)) == [letter(1).place]


def test_a_record_refused_once_more_is_open_again() -> None:
    """At its new place; and at the old one, where the group's offsets were put back."""
    there = topics(letter(1))
    Letterbox(there).drop(Wanted(), there)
    there.publish([letter(9).message(), letter(1).message()])
    assert set(places(Letterbox(there))) == {letter(9).place, letter(1).place}


NO_PLACES = ["", "x", "t[0]", "t@1", "t[a]@1", "t[0]@-1", "t[0]@1\n", "a b[0]@1", "t[0]@1;x", "ü[0]@1"]


@pytest.mark.parametrize("text", NO_PLACES)
def test_what_is_no_place_is_refused(text: str) -> None:
    """With how one looks."""
    with pytest.raises(LetterError, match="topic\\[partition\\]@offset"):
        place_of(text)


def test_an_unknown_place_is_refused_before_anything_is_done() -> None:
    """One wrong among right ones."""
    there = topics(letter(1))
    with pytest.raises(LetterError, match=r"no dead letter of .*@7"):
        Letterbox(there).named([letter(1).place, letter(7).place])


def test_a_settled_place_says_how() -> None:
    """Dropped or replayed."""
    there = topics(letter(1), letter(2))
    box = Letterbox(there)
    box.replay(box.named([letter(1).place]), there)
    box.drop(box.named([letter(2).place]), there)
    for n, how in ((1, "replayed"), (2, "dropped")):
        with pytest.raises(LetterError, match=f"was {how} already"):
            Letterbox(there).letter(letter(n).place)


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", b'{"topic":"t"}', b"[" * 100_000,
     b'{"topic":"t","partition":0,"offset":99999999999999999999,"position":"","reason":"","key":null,"refused_ms":0}',
     b'{"topic":"u","partition":0,"offset":1,"position":"","reason":"","key":null,"refused_ms":0}'],
)  # fmt: skip
def test_what_is_no_letter_is_counted_and_passed_over(value: bytes) -> None:
    """Something else wrote to the topic; or its key is another letter's, so that it could not be settled."""
    there = topics(letter(1))
    there.publish([Message(DEAD_LETTERS, b"t[0]@1", value)])
    box = Letterbox(there)
    assert places(box) == [letter(1).place] and box.index.unreadable == 1
