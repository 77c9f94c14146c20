"""The API of a page elsewhere, with the functions of `Api`, so that a command need not know where its models are.

Danger is looked for here first, by patterns: an answer to it waits for no network, and outlives the page elsewhere.
"""

from typing import Any

from therapist.api import Api, Ranking, Response, RiskFound, Turn, checked_history, checked_text, risk_found
from therapist.errors import InputError, UnreachableError
from therapist.pipeline import Therapist
from therapist.risk import assess
from therapist.settings import Settings

TIMEOUT_S = 90


class Remote:
    """A page elsewhere, by its address or by a Space's owner/name; every function may raise `UnreachableError`."""

    def __init__(self, url: str, settings: Settings) -> None:
        default = Settings()
        self._url, self._here = url, Api(Therapist(settings))
        self._client: Any = None
        self._own = {k: v for k in ("language", "n") if (v := getattr(settings, k)) != getattr(default, k)}

    def wake(self) -> None:
        """Connect, if that was not done yet."""
        from gradio_client import Client

        try:
            self._client = self._client or Client(self._url, verbose=False, analytics_enabled=False)
        except Exception as error:
            raise UnreachableError(self._url) from error

    def respond(self, message: str, history: list[Turn] | None = None, country: str | None = None) -> Response:
        """As `Api.respond`, with the settings that were chosen here."""
        if self.assess_risk(message, history)["level"] == "crisis":
            return self._here.respond(message, history, country)
        return self._call("/respond", message=message, history=history, country=country, **self._own)

    def assess_risk(self, message: str, history: list[Turn] | None = None) -> RiskFound:
        """As `Api.assess_risk`, by patterns alone."""
        return risk_found(assess(checked_text(message, "message"), checked_history(history)))

    def rank(self, statement: str, candidates: list[str], history: list[Turn] | None = None) -> Ranking:
        """As `Api.rank`."""
        return self._call("/rank", statement=statement, candidates=candidates, history=history)

    def _call(self, name: str, **arguments: Any) -> Any:
        from gradio_client.exceptions import AppError

        self.wake()
        try:
            return self._client.submit(**arguments, api_name=name).result(TIMEOUT_S)
        except AppError as error:
            raise InputError(str(error)) from None
        except Exception as error:
            raise UnreachableError(self._url) from error
