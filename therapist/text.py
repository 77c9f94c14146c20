"""What people type, made comparable: one spelling for many disguises, so that a pattern has to be written only once.

`clean` is for text that is kept or shown: it only takes away what cannot be seen. `normalise` is for matching: it also
folds quotes, look-alike letters, digits inside words, spaced-out and stretched letters. Every step is linear in time,
because the page is public and a long message must not hold it up.
"""

import re
import unicodedata
import zlib
from typing import Any

_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛′´`ʼʹ＇", "'"))
_DOUBLE_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»″", '"'))

# Letters of other scripts that are drawn like Latin ones (Unicode TR 39): the ones used to slip past filters.
_LOOK_ALIKES = str.maketrans(
    dict(zip("абвгеёіїјкмноӏпрѕстуүхһԁԛԝьαβγεηικνορτυχωɡ", "abbreeiijkmholnpsctyyxhdqwbabyenikvoptuxwg", strict=True))
)
_LATIN = re.compile(r"[a-z]")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u03ff\u0400-\u052f\u0261]")
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_TOKEN = re.compile(r"\S+")

_LEET = dict(zip("013457@$!|\u20ac", "oieastasile", strict=True))
_LEET_INSIDE = re.compile(r"(?<=[a-z])[013457@$!|\u20ac]{1,2}(?=[a-z])")
_LEET_BEFORE = re.compile(r"(?<![\w$@])[5$@](?=[a-z]{4})")

# Words that people mask ("s*icide", "k i l l m y s e l f"); needed to give a masked letter or a gap back.
_MASKED = (
    "suicide", "suicidal", "killing", "killed", "kill", "myself", "himself", "herself", "themselves", "yourself",
    "murder", "overdose", "hanging", "hang", "cutting", "cut", "dying", "die", "dead", "death", "shoot", "shooting",
    "rape", "raped", "abuse", "hitting", "hits", "hurt", "hurting", "sex", "pills", "drugs", "voices", "unalive",
    "self", "harm", "want", "wanna", "gonna", "going", "end", "life",
)  # fmt: skip
_SHORT = ("it", "all", "to", "my", "me", "he", "she", "is")
_SPLIT_WORDS = re.compile("|".join(sorted([*_MASKED, *_SHORT], key=len, reverse=True)))
_STARRED = re.compile(r"(?<![a-z*])[a-z]{1,12}\*{1,4}[a-z*]{0,12}")
_SPACED = re.compile(r"(?<![\w'])[a-z](?:[ .\-_*/]{1,2}[a-z](?![\w'])){2,60}")
_STRETCHED = re.compile(r"([a-z])\1{2,}")
_COMBINING = re.compile(r"[\u0300-\u036f]+")
_SPACE = re.compile(r"\s+")


def clean(text: str) -> str:
    """Text without control, bidirectional and zero-width characters; case, line breaks and everything visible stay."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))


def normalise(text: str) -> str:
    """Lower-case text in one spelling, for matching only."""
    text = unicodedata.normalize("NFKC", clean(text)).translate(_QUOTES).translate(_DOUBLE_QUOTES)
    text = _COMBINING.sub("", text.casefold())
    if _OTHER_SCRIPT.search(text):
        text = _TOKEN.sub(_fold_look_alikes, text)
    text = _LEET_INSIDE.sub(lambda m: "".join(_LEET[c] for c in m[0]), text)
    text = _LEET_BEFORE.sub(lambda m: _LEET[m[0]], text)
    text = _STARRED.sub(_unmask, text)
    text = _SPACED.sub(_join_letters, text)
    text = _STRETCHED.sub(lambda m: "ll" if m[1] == "l" else m[1], text)
    return _SPACE.sub(" ", text).strip()


def words(text: str) -> list[str]:
    """The words of a text as they stand, apostrophes and hyphens inside kept."""
    return _WORD.findall(text)


def sentences(text: str) -> list[str]:
    """The sentences of a text, end marks kept."""
    return [s.strip() for s in re.split(r"(?<=[.!?\u2026])[\"')\u201d\u2019]?\s+|\n+", text) if s.strip()]


def _fold_look_alikes(token: re.Match[str]) -> str:
    """Only words that mix scripts are folded: a Russian or Greek word stays what it is."""
    return token[0].translate(_LOOK_ALIKES) if _LATIN.search(token[0]) else token[0]


def _unmask(token: re.Match[str]) -> str:
    """ "k*ll" to "kill": the starred word of the list that fits, else the letters that are left."""
    if len(token[0]) > 14:
        return token[0]
    shape = re.compile(re.sub(r"\*+", lambda stars: f"[a-z]{{1,{min(3, len(stars[0]) + 1)}}}", token[0]))
    return next((w for w in _MASKED if shape.fullmatch(w)), token[0].replace("*", ""))


def _join_letters(run: re.Match[str]) -> str:
    """ "k i l l m y s e l f" to "kill myself": wide gaps part words, else the words of the list do."""
    found = []
    for part in re.split(r"[ .\-_*/]{2}", run[0]):
        joined = re.sub(r"[^a-z]", "", part)
        parted = _SPLIT_WORDS.sub(lambda m: f" {m[0]} ", joined) if len(joined) > 8 else joined
        found.append(_SPACE.sub(" ", parted).strip())
    return " ".join(found)


BUCKETS = 1 << 16
"Places that letter runs are hashed to."
RUNS = range(2, 6)


def letter_runs(text: str, buckets: int = BUCKETS) -> Any:
    """Buckets of the distinct words of a text and of their runs of two to five letters, spaces included: int64 [runs].

    What languages and misspellings have in common with what is known; no vocabulary, no model.
    """
    import numpy as np

    found = set()
    for word in text.split():
        padded = f" {word} "
        found.add(zlib.crc32(padded.encode()) % buckets)
        for n in RUNS:
            found |= {zlib.crc32(padded[i : i + n].encode()) % buckets for i in range(max(1, len(padded) - n + 1))}
    return np.array(sorted(found), np.int64)
