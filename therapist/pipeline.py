"""The product in one function: what a person says is answered by a reply, a question, a referral or the protocol."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from therapist import exercises, generators, protocol
from therapist.conversation import Message, user
from therapist.errors import GeneratorError, TherapistError
from therapist.explain import explain
from therapist.handoff import HandOff, hand_off
from therapist.intents import EXERCISE, LANGUAGES, NONE, Intents, answers
from therapist.language import only_english, open_questions, too_vague, written_in
from therapist.recall import recalled
from therapist.referral import Referral, refer
from therapist.reranker import FOLDER, Candidate, Reranker, SentenceEncoder
from therapist.risk import Risk, assess
from therapist.risk_classifier import ENCODER, RiskClassifier, higher
from therapist.settings import EMBEDDED, Settings

log = logging.getLogger(__name__)
Route = Literal["reply", "clarify", "referral", "crisis"]
WRITTEN = "written text"
"What stands as the model where no model wrote."


@dataclass(frozen=True)
class Reply:
    """What is said, with its evidence. The page, the API and the evaluation all read this one object."""

    text: str
    route: Route
    candidates: tuple[Candidate, ...]
    "Best first, rejected ones included; empty when nothing was drafted."
    risk: Risk
    referral: Referral | None
    model: str
    seconds: float
    drafted: int = 0
    "How many candidates were drafted: fewer than were asked for while many people are here."


class Therapist:
    """Settings, a generator and a reranker. It keeps nothing about anybody: history arrives with every call."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.model = self.settings.model
        self.limited = ""
        "What does not work, in a few words for the operator; empty when all does."
        self._generator: generators.Generator | None = None
        self._reranker: Reranker | None = None
        self._intents: Intents | None = None
        self._classifier: RiskClassifier | None = None
        self._loading, self._listening = threading.Lock(), threading.Lock()
        self._loaded = threading.Event()

    @property
    def ready(self) -> bool:
        """Whether loading has ended, well or not; `limited` says which."""
        return self._loaded.is_set()

    def load(self) -> None:
        """Load generator and reranker once; a failure is logged and leaves the written texts working."""
        with self._loading:
            if self.ready:
                return
            assess("")  # compiles the patterns: who is in danger waits for no model
            with ThreadPoolExecutor(3, "load") as pool:  # much of it is reading and packing, which wait for nobody
                pool.submit(protocol.written_answer, "", ())  # compiles its questions
                pool.submit(self._readers)
                # One by one: what does load works, and `limited` says what does not.
                self._try(self._load_reranker)
                self._try(self._load_intents)
                self._try(self._load_generator)
            self._loaded.set()

    def _try(self, load: Callable[[], None]) -> None:
        try:
            load()
        except Exception as error:
            self.limited = f"{self.limited} {type(error).__name__}: {error}".strip()
            log.error("A model did not load: %s", error)

    def _readers(self) -> RiskClassifier | None:
        """The readers of danger, loaded by whoever needs them first; None where even spelling cannot be read."""
        with self._listening:
            if self._classifier is None and not self.ready:
                self._try(self._load_classifier)
            return self._classifier

    def _load_classifier(self) -> None:
        try:
            self._classifier = RiskClassifier.load(SentenceEncoder(ENCODER))
        except Exception:
            self._classifier = RiskClassifier.load(None)  # reads spelling, which needs neither torch nor an encoder
            raise

    def _load_reranker(self) -> None:
        self._reranker = Reranker.load(Path(self.settings.reranker) if self.settings.reranker else FOLDER)

    def _load_intents(self) -> None:
        if self._reranker and not self.settings.reranker:  # the head knows the embedded encoder
            self._intents = Intents.load(self._reranker.encoder)

    def _load_generator(self) -> None:
        # What cannot be ranked must not be said, so without a reranker nothing needs to be drafted.
        if self._reranker:
            self._generator = generators.from_settings(self.settings)
            self.model = self._generator.name

    def assess(self, statement: str, history: Sequence[Message] = ()) -> Risk:
        """The risk in a statement and the turns before it: patterns at once, then spelling and meaning.

        The readers of both are waited for where they are still loading, since nobody may meet a draft whom only they
        would have heard. If it fails, it counts as a crisis.
        """
        try:
            found = assess(statement, history, self.settings.language)
            if found.level == "crisis" or (readers := self._readers()) is None:
                return found
            # "Are you human?" in a few words looks like anything to the readers; then only the turns before it count.
            read = "" if protocol.asks_what_this_is(statement) else statement
            return higher(found, readers.assess(read, history))
        except Exception as error:
            log.error("Risk assessment failed with %s; the crisis protocol answers.", type(error).__name__)
            return Risk("crisis", "suicide", ())

    def respond(
        self, statement: str, history: Sequence[Message] = (), country: str | None = None, language: str | None = None,
        n: int | None = None, seed: int | None = None, risk: Risk | None = None, cancel: threading.Event | None = None,
    ) -> Reply:  # fmt: skip
        """Answer a statement.

        Args:
            statement: what the person just said.
            history: earlier turns, oldest first, without the statement.
            country: ISO 3166 code for the helplines; None gives the directory.
            language: BCP 47 code of the written texts, where the statement does not show what the person writes.
            n: candidates to draft, 1 to 16; None takes the settings' n.
            seed: makes the drafts repeatable.
            risk: what `assess` found in this statement and history, where it was asked already.
            cancel: set by the caller when nobody waits for the answer any more.
        """
        started = time.perf_counter()
        country, language = country or self.settings.country or None, language or self.settings.language
        risk = risk or self.assess(statement, history)
        # In danger nobody should have to read a second language, whatever the page is set to.
        spoken = written_in(statement)
        language, speaks = spoken or language, not self._cannot_speak(spoken)
        candidates: tuple[Candidate, ...] = ()
        drafted = 0

        def answer(text: str, route: Route, *, referral: Referral | None = None, model: str = WRITTEN) -> Reply:
            return Reply(text, route, candidates, risk, referral, model, time.perf_counter() - started, drafted)

        said_to = {"country": country, "language": language, "history": history, "statement": statement}
        if risk.level == "crisis":
            return answer(protocol.crisis_text(risk, **said_to), "crisis")
        if risk.level == "none" and (written := protocol.written_answer(statement, history, language, country)):
            return answer(written, "reply")
        if risk.level == "none" and (told := self._recalled(statement, history, language)):
            return answer(told, "reply")
        if risk.level == "none" and not speaks:
            return answer(protocol.only_english_text(language, history, country), "clarify")
        if risk.level == "none" and too_vague(statement):
            begun = any(m["role"] == "user" and not too_vague(m["content"]) for m in history)
            return answer(_unsaid(open_questions(begun=begun), history), "clarify")
        if risk.level == "none" and (asked := self._asked(statement, history)):
            return answer(asked, "reply")
        if speaks:
            candidates, drafted = self._candidates(statement, history, n, seed, cancel)
        best = candidates[0] if candidates and candidates[0].qualifies else None
        if risk.level == "concern":
            check_in = protocol.checkin_text(risk, **said_to)
            said = [best.text] if best else []
            return answer("\n\n".join([*said, check_in]), "reply", model=self.model if best else WRITTEN)
        if best:
            return answer(best.text, "reply", model=self.model)
        referral = self.refer(statement, country, language)
        return answer(referral.text, "referral", referral=referral)

    def _cannot_speak(self, spoken: str | None) -> bool:
        """Whether only gibberish would come: the embedded model knows English, others must know for themselves."""
        return self._embedded() and bool(only_english(spoken or "en"))

    def _embedded(self) -> bool:
        return self.settings.model == EMBEDDED and not self.settings.base_url

    def _recalled(self, statement: str, history: Sequence[Message], language: str) -> str | None:
        """What was told earlier, where that is asked for; None as well where finding it breaks."""
        try:
            return recalled(statement, history, self._reranker.encoder, language) if self._reranker else None
        except Exception as error:
            log.error("Finding what was told broke with %s.", type(error).__name__)
            return None

    def _asked(self, statement: str, history: Sequence[Message]) -> str | None:
        """The written answer to what is asked of the program itself; None where nothing is, or telling it breaks."""
        try:
            english = written_in(statement) in (None, "en")
            replied = any(m["role"] == "assistant" for m in history)
            intent = self._intents.of(statement, replied) if self._intents and english else NONE
            if intent == LANGUAGES and not self._embedded():  # who speaks more languages can say so
                intent = NONE
            if intent == EXERCISE:
                fitting = exercises.fitting(self.concern(statement), statement)
                return exercises.script(fitting or exercises.exercises()[0])
            return None if intent == NONE else _unsaid(answers()[intent], history)
        except Exception as error:
            log.error("Telling what is asked broke with %s.", type(error).__name__)
            return None

    def _candidates(
        self, statement: str, history: Sequence[Message], n: int | None, seed: int | None,
        cancel: threading.Event | None,
    ) -> tuple[tuple[Candidate, ...], int]:  # fmt: skip
        """Ranked candidates and how many were drafted, or none when a model fails: the person is referred then."""
        self.load()
        if self._generator is None:
            return (), 0
        try:
            texts = self._generator.generate([*history, user(statement)], n or self.settings.n, seed, cancel)
            return self.rank(statement, texts, history), len(texts)
        except GeneratorError as error:
            log.warning("No candidates: %s", error)
        except Exception as error:
            log.error("Drafting or ranking broke with %s.", type(error).__name__)
        return (), 0

    def rank(self, statement: str, candidates: Sequence[str], history: Sequence[Message] = ()) -> tuple[Candidate, ...]:
        """Vet and rank anybody's candidates, best first, rejected ones included with their reasons.

        Raises:
            TherapistError: the reranker could not be loaded.
        """
        if not candidates:
            return ()
        self.load()
        if self._reranker is None:
            raise TherapistError(f"Candidates cannot be ranked: {self.limited}")
        return self._reranker.rank(statement, candidates, history)

    def refer(self, statement: str, country: str | None = None, language: str | None = None) -> Referral:
        """The specialist who fits a statement, and how to reach one."""
        self.load()
        concern = self.concern(statement)
        return refer(concern, country or self.settings.country or None, language or self.settings.language, statement)

    def concern(self, statement: str) -> str | None:
        """The concern of the corpus that a statement is about; None when none is clear or no encoder is loaded."""
        return self._reranker.topic(statement) if self._reranker else None

    def explain(self, statement: str, reply: str) -> list[tuple[str, float]]:
        """The person's words in order, each with how far the reply hangs on it; empty without a reranker."""
        self.load()
        return explain(self._reranker.encoder, statement, reply) if self._reranker else []

    def hand_off(self, told: Sequence[str], language: str | None = None) -> HandOff:
        """What somebody who can help should know, in the person's own sentences; without an encoder the first ones."""
        self.load()
        return hand_off(told, self._reranker, language or self.settings.language)


def _unsaid(variants: Sequence[str], history: Sequence[Message]) -> str:
    """The first variant that was not said yet, or the one said longest ago."""
    said = [m["content"] for m in history if m["role"] == "assistant"]
    fresh = [v for v in variants if v not in said]
    return fresh[0] if fresh else min(variants, key=lambda v: max(i for i, s in enumerate(said) if s == v))
