"""A published folder, put on the Hub as one commit."""

from pathlib import Path

import httpx2
from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from space.deploy import told


def push(folder: Path, name: str, *, private: bool = False, api: HfApi | None = None) -> str:
    """Make the model repository `owner/name` hold this folder and nothing else; the address of the commit.

    Raises:
        SystemExit: no card, no token, or the Hub refuses; the message says what to do.
    """
    api = api or HfApi()
    if not (folder / "README.md").exists():
        raise SystemExit(f"{folder} has no README.md. A model on the Hub needs a card: write one there.")
    if not (api.token or get_token()):
        raise SystemExit("There is no token. Put one with the right to write into HF_TOKEN, or run: hf auth login")
    try:
        api.create_repo(name, private=private or None, exist_ok=True)
        done = api.upload_folder(repo_id=name, folder_path=folder, commit_message="Publish", delete_patterns="*")
    except HfHubHTTPError as error:
        raise SystemExit(told(error)) from None
    except httpx2.HTTPError as error:
        raise SystemExit(f"The Hub at {api.endpoint} could not be reached ({type(error).__name__}).") from None
    except (HFValidationError, ValueError, RuntimeError, OSError) as error:
        raise SystemExit(f"The upload to {name} failed, and nothing was changed there: {error}") from None
    return done.commit_url
