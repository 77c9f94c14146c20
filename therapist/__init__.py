"""Supportive listening: candidates are drafted, vetted and reranked, and the best one is said if it qualifies.

Not therapy. `Therapist.respond` is the product in one function; importing this package loads no model.
"""

from therapist.conversation import Message
from therapist.errors import TherapistError
from therapist.pipeline import Reply, Therapist
from therapist.settings import Settings

__all__ = ["Message", "Reply", "Settings", "Therapist", "TherapistError"]
__version__ = "0.1.0"
