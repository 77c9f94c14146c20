"""One commit to a Space, and back again if what it builds does not answer."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    SpaceRuntime,
    get_token,
)
from huggingface_hub.errors import HfHubHTTPError

from space import contents, probe

HINTS = {
    400: "The Hub found fault with the request: read what it says.",
    401: "The token is missing or has run out. Put one with the right to write into HF_TOKEN, or run: hf auth login",
    402: "This account's plan does not allow it. space/README.md says what each plan allows.",
    403: "The token may not do this. It needs the right to write to this owner, and the plan must allow the hardware.",
    404: "There is no such owner or Space, or the token may not see it.",
    409: "Somebody else changes this Space right now. Nothing was changed; try again in a minute.",
    412: "Somebody else changed this Space meanwhile. Nothing was changed; try again.",
    413: "The upload is larger than the Hub takes. Look for a file that does not belong with --dry-run.",
    429: "The Hub asks for fewer calls. Wait some minutes.",
}
"What to do about a status that the Hub answers with."
POLL_S = 5.0


class DeployError(Exception):
    """The Space does not run what was to be put there; the message says what failed, what was done and what to do."""


@dataclass(frozen=True)
class Order:
    """What is to be put where."""

    space: str
    "owner/name"
    private: bool = False
    hardware: str | None = None
    "A flavour of the Hub, such as cpu-basic or zero-a10g; None leaves it as it is."
    variables: Mapping[str, str] = field(default_factory=dict)
    "Public THERAPIST_* settings."
    secrets: Mapping[str, str] = field(default_factory=dict)
    "Secret THERAPIST_* settings."
    timeout_s: float = 1800.0
    "Seconds for the build and the start together; the Hub itself gives a start 30 minutes."


def deploy(
    order: Order, api: HfApi | None = None, root: Path = contents.ROOT, say: Callable[[str], None] = print
) -> str:
    """Upload as one commit, wait, ask; the address of the Space that answers.

    Raises:
        DeployError: it does not run. What ran before runs again, or the message says why it does not.
    """
    api = api or HfApi()
    try:
        before = _prepare(api, order)
        commit = _upload(api, order.space, contents.contents(root), before.sha)
    except HfHubHTTPError as error:
        raise DeployError(told(error)) from None
    except httpx2.HTTPError as error:
        raise DeployError(
            f"The Hub at {api.endpoint} could not be reached ({type(error).__name__}). Nothing was changed."
        ) from None
    except (ValueError, RuntimeError, OSError) as error:  # a card that the Hub refuses, a large file that got lost
        raise DeployError(f"The upload failed, and nothing was changed: {error}") from None
    say(f"One commit, {commit[:8]}. Waiting for the build ...")
    try:
        return _answering(api, order, commit, say)
    except (DeployError, probe.NoAnswer, HfHubHTTPError, httpx2.HTTPError) as error:
        said = told(error) if isinstance(error, HfHubHTTPError) else str(error)
        raise DeployError(f"{said}\n{_go_back(api, order, before, commit)}") from None


@dataclass(frozen=True)
class _Before:
    sha: str
    "The newest commit before ours."
    ran: bool
    "Whether it ran, so that there is something to go back to."


def _prepare(api: HfApi, order: Order) -> _Before:
    """The Space exists with its settings and hardware, and what it was before is known."""
    api.create_repo(
        order.space, repo_type="space", space_sdk="gradio", private=order.private or None, exist_ok=True,
        space_hardware=order.hardware,  # ty: ignore[invalid-argument-type]
    )  # fmt: skip
    info = api.space_info(order.space)
    ran = bool(info.runtime and info.runtime.stage in ("RUNNING", "RUNNING_BUILDING", "STOPPED", "PAUSED", "SLEEPING"))
    # Before the commit, so that its build is the first that sees them.
    for name, value in order.variables.items():
        api.add_space_variable(order.space, name, value)
    for name, value in order.secrets.items():
        api.add_space_secret(order.space, name, value)
    if order.hardware and info.runtime and info.runtime.requested_hardware not in (None, order.hardware):
        api.request_space_hardware(order.space, order.hardware)  # ty: ignore[invalid-argument-type]
    return _Before(str(info.sha), ran)


def _upload(api: HfApi, space: str, files: Mapping[str, Path], parent: str) -> str:
    """One commit that makes the Space hold these files and no others; its hash."""
    there = set(api.list_repo_files(space, repo_type="space"))
    operations: list[Any] = [CommitOperationAdd(name, path) for name, path in files.items()]
    # The Hub keeps .gitattributes itself: it says which files are stored as large ones.
    operations += [CommitOperationDelete(name) for name in sorted(there - set(files) - {".gitattributes"})]
    done = api.create_commit(
        space, operations, commit_message="Deploy", repo_type="space", parent_commit=parent, num_threads=2
    )
    return done.oid


def _answering(api: HfApi, order: Order, commit: str, say: Callable[[str], None]) -> str:
    """The address, once the commit runs and has answered."""
    started = time.monotonic()
    runtime = _built(api, order, commit)
    if runtime.stage != "RUNNING":
        raise DeployError(_why(api, order.space, runtime))
    info = api.space_info(order.space)
    url = (info.host or "").rstrip("/")
    say(f"Running at {url}. Asking it ...")
    token = api.token if isinstance(api.token, str) else get_token()
    token = token if info.private else None  # the app itself never needs to see it
    left = order.timeout_s - (time.monotonic() - started)
    probe.awake(url, max(left, min(60.0, order.timeout_s)), token)
    reply = probe.answer(url, token)
    say(f"It answers ({reply['route']}, {reply['seconds']} s).")
    return url


def _built(api: HfApi, order: Order, commit: str) -> SpaceRuntime:
    """The runtime once it has stopped changing and belongs to the commit, as far as the Hub says so."""
    end = time.monotonic() + order.timeout_s
    while True:
        try:
            runtime = api.wait_for_space(order.space, timeout=max(0.0, end - time.monotonic()), poll_interval=POLL_S)
        except TimeoutError:
            stage = api.get_space_runtime(order.space).stage
            raise DeployError(
                f"After {order.timeout_s:.0f} s the Space is still {stage}. Give it longer with --timeout."
            ) from None
        # Just after a commit the Hub may still show the state of the one before.
        if runtime.raw.get("sha") in (None, commit):
            return runtime
        if time.monotonic() >= end:
            raise DeployError(f"After {order.timeout_s:.0f} s the Hub has not begun to build {commit[:8]}.")
        time.sleep(POLL_S)


def _why(api: HfApi, space: str, runtime: SpaceRuntime) -> str:
    """A stage in which nothing runs, with the Hub's reason and the end of the log."""
    lines: list[str] = []
    try:
        for line in api.fetch_space_logs(space, build=runtime.stage == "BUILD_ERROR"):
            lines = [*lines[-9:], line.rstrip("\n")]
    except (HfHubHTTPError, httpx2.HTTPError) as error:
        lines = [f"(the log could not be read: {type(error).__name__})"]
    reason = f" {runtime.raw['errorMessage']}" if runtime.raw.get("errorMessage") else ""
    return "\n".join([f"The Space ended as {runtime.stage}.{reason}", *lines])


def _go_back(api: HfApi, order: Order, before: _Before, commit: str) -> str:
    """What ran before, put back as one more commit; a sentence on how that went."""
    if not before.ran:
        return "Nothing ran there before, so the Space is left as it is for you to look at."
    try:
        old, new = (set(api.list_repo_files(order.space, repo_type="space", revision=r)) for r in (before.sha, commit))
        operations: list[Any] = [CommitOperationCopy(name, name, src_revision=before.sha) for name in sorted(old)]
        operations += [CommitOperationDelete(name) for name in sorted(new - old)]
        done = api.create_commit(
            order.space, operations, commit_message=f"Back to {before.sha[:8]}", repo_type="space", parent_commit=commit
        )
        stage = _built(api, order, done.oid).stage
    except (DeployError, HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        return f"It could not be put back to {before.sha[:8]} ({error}). Revert the newest commit on its page."
    kept = " Settings and hardware stay as they were ordered." if order.variables or order.hardware else ""
    return f"It was put back to what ran before, {before.sha[:8]}, and is {stage}.{kept}"


def told(error: HfHubHTTPError) -> str:
    """An answer of the Hub as a sentence with advice."""
    status = error.response.status_code
    said = (error.server_message or "").strip()
    return f"The Hub answered {status}{': ' + said if said else ''}. {HINTS.get(status, 'Try again later.')}"
