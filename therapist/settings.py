"""Every knob, in one frozen object. Nothing else in the library reads the environment."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from therapist.errors import SettingsError

EMBEDDED = "embedded"
DISCORD_TOKEN = "THERAPIST_DISCORD_TOKEN"
"The Discord bot's token: a variable and never a flag, because flags show in process lists."


@dataclass(frozen=True)
class Settings:
    """How the app runs. A flag beats its THERAPIST_* variable, which beats the default."""

    host: str = "127.0.0.1"
    "Address to listen on; 0.0.0.0 lets other machines in."
    port: int = 7860
    "Port of the page; when it is taken, the next free one of the following 20 is used."
    model: str = EMBEDDED
    "Generator: `embedded`, a folder, or a causal model on the Hub as owner/name or owner/name@revision."
    base_url: str = ""
    "OpenAI-compatible server to draft with, such as http://127.0.0.1:8000/v1; empty to draft here."
    api_key: str = ""
    "Key for that server; prefer the variable THERAPIST_API_KEY, flags show in process lists."
    max_requests: int = 16
    "Requests to that server for one reply at most, 1 to 16; one that drafts a single reply at a time needs n."
    hourly_tokens: int = 0
    "Tokens to spend there in an hour, asked and answered, 0 to 1,000,000,000; 0 is no bound. Beyond it: referrals."
    reranker: str = ""
    "Folder of another reranker, such as one that reads what `model` writes (`python -m train reranker --out FOLDER`)."
    n: int = 8
    "Candidates drafted for a reply, 1 to 16."
    max_new_tokens: int = 60
    "Longest candidate, in tokens, 8 to 256."
    temperature: float = 0.5
    "Spread of the sampling, above 0 and up to 2."
    top_p: float = 0.85
    "Share of the probability that is sampled from, above 0 and up to 1."
    timeout_s: float = 20.0
    "Seconds before drafting is given up and the person is referred, 1 to 120."
    language: str = "en"
    "Language of the page when the browser asks for none that is known (BCP 47)."
    country: str = ""
    "Country of the helplines when the browser gives none (ISO 3166, two letters); empty for the directory."
    threads: int = 2
    "Threads for drafting, 1 to 64."
    per_client: int = 4
    "Replies that one address may wait for at once, 1 to 12; raise it where many people come through one address."
    mcp: bool = False
    "Also serve the endpoints as tools of the Model Context Protocol, at /mcp; needs `pip install 'mcp<2'`."

    def __post_init__(self) -> None:
        self._between("port", 0, 65535)
        self._between("max_requests", 1, 16)
        self._between("hourly_tokens", 0, 1_000_000_000)
        self._between("n", 1, 16)
        self._between("max_new_tokens", 8, 256)
        self._between("temperature", 0.01, 2)
        self._between("top_p", 0.01, 1)
        self._between("timeout_s", 1, 120)
        self._between("threads", 1, 64)
        self._between("per_client", 1, 40)
        if self.country and not (len(self.country) == 2 and self.country.isalpha()):
            raise SettingsError(
                f"THERAPIST_COUNTRY must be a two-letter ISO 3166 code, got {self.country!r}. Try US, GB or NG."
            )
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise SettingsError(f"THERAPIST_BASE_URL must begin with http:// or https://, got {self.base_url!r}.")

    def _between(self, name: str, least: float, most: float) -> None:
        value = getattr(self, name)
        if not least <= value <= most:
            default = next(f.default for f in fields(self) if f.name == name)
            raise SettingsError(f"THERAPIST_{name.upper()} must be {least} to {most}, got {value!r}. Try {default}.")


def on_zero_gpu(environment: Mapping[str, str] | None = None) -> bool:
    """Whether this is a Space on ZeroGPU, which lends a GPU for the length of a call."""
    return (os.environ if environment is None else environment).get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def _convert(name: str, kind: type, text: str) -> Any:
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        default = next(f.default for f in fields(Settings) if f.name == name)
        wanted = {"int": "a whole number", "float": "a number", "bool": "true or false"}[kind.__name__]
        raise SettingsError(f"THERAPIST_{name.upper()} must be {wanted}, got {text!r}. Try {default}.") from None


def read(arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None, prog: str = "app.py") -> Settings:
    """Settings from flags and THERAPIST_* variables.

    Raises:
        SettingsError: a value cannot be used, or a THERAPIST_* variable is not a setting.
    """
    parser = argparse.ArgumentParser(prog=prog, description="Supportive listening, not therapy: a page and an API.")
    add_flags(parser)
    return chosen(parser.parse_args(list(arguments)), environment)


def add_flags(parser: argparse.ArgumentParser, without: Sequence[str] = ()) -> None:
    """A flag for every setting but those named in `without`."""
    docs = _docs()
    for f in fields(Settings):
        if f.name not in without:
            parser.add_argument(
                f"--{f.name.replace('_', '-')}",
                dest=f.name,
                default=None,
                metavar="X",
                nargs="?" if isinstance(f.default, bool) else None,
                const="true" if isinstance(f.default, bool) else None,
                help=f"{docs[f.name]} [{'THERAPIST_' + f.name.upper()}, default {f.default!r}]".replace("%", "%%"),
            )


def chosen(parsed: argparse.Namespace, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from parsed flags and THERAPIST_* variables.

    Raises:
        SettingsError: a value cannot be used, or a THERAPIST_* variable is not a setting.
    """
    environment = os.environ if environment is None else environment
    known = {DISCORD_TOKEN, *(f"THERAPIST_{f.name.upper()}" for f in fields(Settings))}
    if unknown := sorted(k for k in environment if k.startswith("THERAPIST_") and k not in known):
        raise SettingsError(f"{', '.join(unknown)} is no setting. Known are: {', '.join(sorted(known))}.")
    values: dict[str, Any] = {}
    for f in fields(Settings):
        flag = getattr(parsed, f.name, None)
        text = flag if flag is not None else environment.get(f"THERAPIST_{f.name.upper()}")
        if text is not None:
            values[f.name] = _convert(f.name, type(f.default), text)
    return Settings(**values)


def discord_token(environment: Mapping[str, str] | None = None) -> str:
    """The Discord bot's token.

    Raises:
        SettingsError: there is none.
    """
    token = (os.environ if environment is None else environment).get(DISCORD_TOKEN, "").strip()
    if not token:
        raise SettingsError(
            f"{DISCORD_TOKEN} is not set. Put the bot's token there; therapist/DISCORD.md says where it is."
        )
    return token


def _docs() -> dict[str, str]:
    """Field name to its docstring, read from the source so that --help and code cannot differ."""
    import ast
    import inspect

    body = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for here, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(here, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(here.target, ast.Name):
            found[here.target.id] = ast.literal_eval(after.value)
    return found
