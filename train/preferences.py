"""What people told about replies on the page, as rows of judged replies: `python -m train preferences FILES --out PATH`.

The page keeps these choices in the person's browser; they download them, read them and send them themselves. A reply that
was chosen or found helpful becomes `say`, the other one `acceptable`: not preferred is not harmful. Nothing is added to the
corpus by itself: somebody reads the rows first, because they hold what people wrote.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from therapist.api import checked_history, checked_statement
from therapist.errors import InputError


def read(paths: Iterable[Path]) -> list[dict]:
    """Judged rows of downloaded files, equal ones once.

    Raises:
        ValueError: a line is no choice; it names the file and the line.
    """
    found: dict[str, dict] = {}
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                try:
                    found |= {row["id"]: row for row in _rows(json.loads(line))}
                except (InputError, KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
                    raise ValueError(
                        f"{path}, line {number}: no choice of the page ({error}). Leave the line out."
                    ) from None
    return list(found.values())


def _rows(choice: dict) -> Iterator[dict]:
    told = {
        "history": checked_history(choice["history"]),
        "statement": checked_statement(choice["statement"], "statement"),
    }
    if "chosen" in choice:
        judged = [(choice["chosen"], "say"), (choice["rejected"], "acceptable")]
    else:
        judged = [(choice["reply"], "say" if choice["helpful"] else "acceptable")]
    for text, judgement in judged:
        reply = checked_statement(text, "reply")
        name = hashlib.sha256(json.dumps([told, reply, judgement]).encode()).hexdigest()[:12]
        yield {"id": f"visitor-{name}", "entry": f"visitor-{name}", "origin": "visitor", **told, "reply": reply,
               "judgement": judgement, "why": "", "second": ""}  # fmt: skip


def won(paths: Iterable[Path]) -> dict[str, int]:
    """How often the reply that the reranker preferred was taken, of all blind choices."""
    choices = [
        json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    blind = [c for c in choices if "preferred_by_program" in c]
    return {"blind choices": len(blind), "preferred one taken": sum(bool(c["preferred_by_program"]) for c in blind)}
