"""Every failure that Palier raises on purpose, in one tree.

Adapters translate foreign exceptions into these at their edge, so that the rest of the program decides by type and
never by the text of a library's message.

```
PalierError
├── InvalidSpec            a stored object breaks a rule of the API; no retry until it changes
├── InvalidSettings        the operator was started with a setting that cannot work
├── InvalidPrices          a table of prices that no cost can be computed from
├── CurrencyMismatch       amounts of two currencies were to be added or compared; nothing is ever converted
├── InvalidCorpus          a load test's requests that cannot be read
├── GeneratorUnavailable   the program that sends a load test's requests is not there, or failed
├── NotApplicable          a command makes no sense in the state that the object is in
├── LeadershipLost         another replica leads, or we can no longer prove that we do; the process ends
├── ClusterError           the Kubernetes API refused or could not answer
│   ├── NotFound           the object or its kind is not there
│   ├── Conflict           somebody else changed or created it first
│   ├── Invalid            the API server rejects what we sent; sending it again cannot help
│   │   └── NameTaken      an object that we would write is somebody else's; we do not even send it
│   ├── Forbidden          our identity may not do this (also: not authenticated)
│   └── Unavailable        a timeout, a broken connection, overload; trying again may help
└── MetricsUnavailable     a measurement could not be made; says nothing about the model
```
"""

# Names say the situation, as the reasons of conditions do, without an Error suffix.
# ruff: noqa: N818


class PalierError(Exception):
    """The root: catching it catches everything that Palier raises on purpose."""


class InvalidSpec(PalierError):
    """A stored object that breaks a rule of the API.

    Attributes:
        field: the path of the offending field, such as `spec.objectives[1].errorRate.maxPercent`.
        message: what is wrong, in words for the person who wrote it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class InvalidSettings(PalierError):
    """A setting of the operator that cannot work; the text names the flag."""


class InvalidPrices(PalierError):
    """A table of prices that no cost can be computed from.

    Attributes:
        field: the path of the offending field, such as `nodePools[1].cpuHour`; empty for the table itself.
        message: what is wrong, in words for the person who wrote it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message


class CurrencyMismatch(PalierError):
    """Amounts of two currencies that were to be added or compared; the text names both."""


class InvalidCorpus(PalierError):
    """The requests of a load test cannot be read; the text names the line and the field."""


class GeneratorUnavailable(PalierError):
    """The program that sends the requests of a load test is not there, or failed; the text says what to do."""


class NotApplicable(PalierError):
    """A person's command that makes no sense in the state that the object is in; the text says which state that is."""


class LeadershipLost(PalierError):
    """This replica must stop at once: it does not hold the Lease any more, or cannot prove that it does."""


class ClusterError(PalierError):
    """The Kubernetes API refused a request or could not answer it."""


class NotFound(ClusterError):
    """The object, its namespace or its kind does not exist."""


class Conflict(ClusterError):
    """The object was changed, replaced or created by somebody else in between."""


class Invalid(ClusterError):
    """The API server rejects the request itself; the same request will fail again."""


class NameTaken(Invalid):
    """An object that we would write exists and is somebody else's: we leave it alone and send nothing."""


class Forbidden(ClusterError):
    """Our identity may not do this, or was not accepted at all."""


class Unavailable(ClusterError):
    """The API server did not answer, or asked for patience.

    Attributes:
        retry_after: seconds the server asked us to wait; None when it named none.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class MetricsUnavailable(PalierError):
    """A measurement could not be made: this is never good news and never bad news about a model.

    Attributes:
        reason: one CamelCase word for conditions and counters, such as `Timeout`.
        message: the whole sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


def describe_fault(error: Exception) -> str:
    """What is wrong with a document that could not be read, in one line for people."""
    return f"the field {error.args[0]} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
