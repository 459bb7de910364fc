"""The one kind of error that is the user's to mend: a sentence, never a traceback; and how a full memory is told."""

import errno
import re


class UserError(Exception):
    """What was wrong, what was expected and how to mend it, in one sentence; the command line exits 2."""


class CannotCut(UserError):
    """A backbone that cannot be cut as asked; the message says why and how many cut points there are."""


class CannotFollow(CannotCut):
    """A backbone whose forward function cannot be taken apart, so that nothing says where it may be cut."""


class DataMissing(UserError):
    """A data set that is missing, empty or damaged; the message says how to get it."""


# Only the CUDA allocator has an error class of its own; libraries, drivers and the CPU's allocator raise a text.
FULL = re.compile(
    r"out of memory|alloc_failed|bad_alloc|memoryallocation|(can'?t|cannot|could not|unable to) allocate memory"
    r"|not enough memory|insufficient memory",
    re.IGNORECASE,
)
LONGEST_CHAIN = 10  # of errors that were raised from each other


def out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that it was raised from, says that memory ran out: the GPU's or the machine's."""
    origin: BaseException | None = error
    for _ in range(LONGEST_CHAIN):
        if origin is None or _tells_full(origin):
            break
        origin = origin.__cause__ or (None if origin.__suppress_context__ else origin.__context__)
    return origin is not None and _tells_full(origin)


def _tells_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(FULL.search(str(error))))
