"""Who is talking and what was said: in memory only, bounded, and gone after two idle hours or at /forget."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from therapist.conversation import Message, assistant, user

IDLE_SECONDS = 2 * 3600
"After this long without a word a person is forgotten."
MAX_PEOPLE = 1000
"People kept in mind at once; whoever was silent longest is forgotten first."
MAX_EXCHANGES = 20
"Exchanges of a talk that are kept; the app reads no more."
PER_MINUTE = 12
"Messages and commands of a person that are answered in a minute; danger and /help are not counted."
REMIND_SECONDS = 3 * 3600
REMIND_EXCHANGES = 20
"A talk is reminded that this is a program after three hours or twenty exchanges."


@dataclass(eq=False)
class Exchange:
    """What a person said and what was answered, with Discord's message ids so that both can be taken back."""

    id: int
    said: str
    answer: str = ""
    answer_ids: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Talk:
    """A person's talk in one private channel. What is said in a direct message never turns up in a thread."""

    channel_id: int
    exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=MAX_EXCHANGES))
    alarms: int = 0
    "Crisis answers so far: what was drafted before one is not said after it."
    noticed: float | None = None
    since: int = 0
    "Exchanges since the notice."
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    "One draft at a time, in the order of the messages."

    def add(self, exchange: Exchange) -> None:
        if exchange not in self.exchanges:
            self.exchanges.append(exchange)
            self.since += 1

    def find(self, message_id: int) -> Exchange | None:
        return next((e for e in self.exchanges if e.id == message_id), None)

    def history(self, before: Exchange) -> list[Message]:
        """The turns before an exchange, oldest first, as the app takes them."""
        turns: list[Message] = []
        for exchange in self.exchanges:
            if exchange is before:
                break
            turns += [user(exchange.said), *([assistant(exchange.answer)] if exchange.answer else [])]
        return turns

    def notice_due(self, now: float) -> bool:
        return self.noticed is None or now - self.noticed > REMIND_SECONDS or self.since >= REMIND_EXCHANGES


@dataclass(eq=False)
class Person:
    """What is known of a person while they are here."""

    country: str | None
    adult: bool | None = None
    "What they declared; None until then."
    seen: float = 0.0
    talks: dict[int, Talk] = field(default_factory=dict)
    "By the id of the private channel."
    threads: dict[int, int] = field(default_factory=dict)
    "Guild id to the id of the private thread that was opened there."
    times: deque[float] = field(default_factory=lambda: deque(maxlen=PER_MINUTE))
    warned: float = float("-inf")

    def talk(self, channel_id: int) -> Talk:
        return self.talks.setdefault(channel_id, Talk(channel_id))

    def too_fast(self, now: float) -> bool:
        """Whether this is more than can be answered in a minute; counts it if not."""
        if len(self.times) == PER_MINUTE and now - self.times[0] < 60:
            return True
        self.times.append(now)
        return False

    def must_be_told(self, now: float) -> bool:
        """Whether to say that it is too fast: once a minute, so that the telling is no flood itself."""
        told = now - self.warned < 60
        self.warned = self.warned if told else now
        return not told


class Memory:
    """Everybody who is here, by their Discord id."""

    def __init__(self, country: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._country = country
        self._people: OrderedDict[int, Person] = OrderedDict()

    def __len__(self) -> int:
        return len(self._people)

    def person(self, person_id: int) -> Person:
        """A person, seen now; whoever is not known is new."""
        self.sweep()
        person = self._people.setdefault(person_id, Person(self._country))
        person.seen = self.now()
        self._people.move_to_end(person_id)
        while len(self._people) > MAX_PEOPLE:
            self.forget(next(iter(self._people)))
        return person

    def sweep(self) -> None:
        """Forget whoever has been silent for too long."""
        while self._people:
            person_id, person = next(iter(self._people.items()))
            if self.now() - person.seen <= IDLE_SECONDS:
                return
            self.forget(person_id)

    def forget(self, person_id: int) -> None:
        """Forget a person; a draft on its way finds its talk empty and is not said."""
        person = self._people.pop(person_id, None)
        for talk in person.talks.values() if person else ():
            talk.exchanges.clear()

    def talk_with(self, message_id: int) -> tuple[Talk, Exchange] | None:
        """The talk in which a message is remembered, and its exchange."""
        talks = (talk for person in self._people.values() for talk in person.talks.values())
        return next(((talk, found) for talk in talks if (found := talk.find(message_id))), None)
