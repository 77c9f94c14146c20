"""What can go wrong, as a tree.

    TherapistError
    ├── SettingsError      a flag or THERAPIST_* variable cannot be used
    ├── InputError         what arrived from outside cannot be read as a message or a history
    ├── BusyError          too many people are waiting for a draft
    ├── UnreachableError   a page elsewhere, for which the terminal was asked, does not answer
    ├── ArtefactError      weights, bank, encoder and calibration are missing or do not belong together
    └── GeneratorError     no candidate could be drafted
        ├── GeneratorTimeout     it took too long
        └── EndpointError        the model server refused, failed or spoke nonsense
            └── RefusedError         it found fault with the request itself

A person never meets one of these: `pipeline.Therapist` turns a generator's failure into a referral, and the page
and the API turn bad input into a sentence that says what is wrong and what to do.
"""


class TherapistError(Exception):
    """Anything this library raises on purpose."""


class SettingsError(TherapistError):
    """A setting cannot be used; the message names it, what was found and what to do."""


class InputError(TherapistError):
    """A message or history from outside cannot be used; the message says what is wrong and what to send."""


class BusyError(TherapistError):
    """Too many people are waiting for a draft; the message says so kindly."""


class UnreachableError(TherapistError):
    """A page elsewhere does not answer; the message names its address."""


class ArtefactError(TherapistError):
    """Files that belong together are missing or do not match."""


class GeneratorError(TherapistError):
    """No candidate could be drafted. The message never holds the person's words."""


class GeneratorTimeout(GeneratorError):
    """Drafting took longer than the settings allow."""


class EndpointError(GeneratorError):
    """A model server could not be reached, refused, failed, or answered with something that is no completion."""


class RefusedError(EndpointError):
    """A model server found fault with the request itself, as those do that draft only one reply at a time."""
