"""The canonical statuses of calls: what a server answers instead of a result."""

# How TensorFlow Serving's canonical codes are written as HTTP statuses.
HTTP_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "FAILED_PRECONDITION": 412,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class StatusError(Exception):
    """A call that failed: its canonical code, and what the server or the network said.

    Attributes:
        code: the canonical name of the status, such as "UNAVAILABLE".
        details: one line.
    """

    def __init__(self, code: str, details: str):
        super().__init__(code, details)
        self.code = code
        self.details = " ".join(details.split())[:400]


class ServingError(OSError):
    """A call of a server that failed for good, explained to the user in one line.

    Attributes:
        code: the canonical name of the status, such as "UNAVAILABLE".
    """

    def __init__(self, message: str, *, code: str):
        super().__init__(message)
        self.code = code


def code_of_http(status: int) -> str:
    """Returns the canonical code of an HTTP status that isn't 200."""
    codes = {number: code for code, number in HTTP_STATUSES.items()}
    return codes.get(status, "INVALID_ARGUMENT" if 400 <= status < 500 else "INTERNAL")
