"""Ask a running app, as anybody could: is it awake, and does it answer?"""

import time

import httpx
from gradio_client import Client

STATEMENT = "I feel lonely since I moved here."
"Without danger, and with enough to say that a draft is needed."
ANSWER_S = 180.0


class NoAnswer(Exception):
    """The app is not up, not whole, or does not answer as it should; the message says which."""


def awake(url: str, seconds: float, token: str | None = None) -> dict:
    """What /healthz says once the models are loaded.

    Raises:
        NoAnswer: not within so many seconds, or a part did not load.
    """
    end, seen = time.monotonic() + seconds, "nothing"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    while time.monotonic() < end:
        try:
            response = httpx.get(f"{url}/healthz", headers=headers, timeout=10, follow_redirects=True)
            seen = f"status {response.status_code}"
            health = response.json()
            if health["ready"] and health["status"] == "ok":
                return health
            seen = f"status {health['status']!r}"
            if health["ready"]:
                break
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            seen = f"{seen if isinstance(error, ValueError) else type(error).__name__}"
        time.sleep(1)
    raise NoAnswer(f"{url}/healthz was not ok within {seconds:.0f} s; last it gave {seen}.")


def answer(url: str, token: str | None = None) -> dict:
    """What /respond says to one statement.

    Raises:
        NoAnswer: it fails, or the answer holds no text.
    """
    try:
        client = Client(url, token=token, verbose=False, download_files=False)
        reply = client.submit(STATEMENT, seed=1, api_name="/respond").result(timeout=ANSWER_S)
    except Exception as error:
        raise NoAnswer(f"{url} did not answer /respond: {type(error).__name__}: {error}") from None
    if not (isinstance(reply, dict) and reply.get("text") and reply.get("route") in ("reply", "referral")):
        raise NoAnswer(f"{url} answered /respond with something that is no reply.")
    return reply
