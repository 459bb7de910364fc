"""The one kind of error that is the user's to mend: a sentence, never a traceback."""


class UserError(Exception):
    """What was wrong, what was expected and how to mend it, in one sentence; the command line exits 2."""


class CannotCut(UserError):
    """A backbone that cannot be cut as asked; the message says why and how many cut points there are."""


class DataMissing(UserError):
    """A data set that is missing, empty or damaged; the message says how to get it."""
