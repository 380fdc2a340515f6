"""Reading the objects of other tools so that nothing is overlooked: a field is read, named as left out, or refused."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from palier.errors import InvalidSpec
from palier.watch.slo.record import PREFIX


class Fields:
    """A part of an object, with its place.

    Args:
        body: what is written there.
        path: the field; empty for the object itself.
        left_out: gets the fields that are no part of a promise.

    Raises:
        InvalidSpec: it is no mapping.
    """

    def __init__(self, body: object, path: str, left_out: list[str]) -> None:
        self.path = path
        self._left_out = left_out
        if not isinstance(body, Mapping):
            self._body: Mapping[str, Any] = {}
            self.refuse("", "this field has to hold other fields")
        self._body = body

    def refuse(self, name: str, message: str) -> NoReturn:
        """Refuse a field of this part.

        Raises:
            InvalidSpec: always.
        """
        raise InvalidSpec(self.name_field(name), message)

    def name_field(self, name: str) -> str:
        """The whole path of a field."""
        return ".".join(part for part in (self.path, name) if part) or "the object"

    def has(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self._body.get(name) is not None

    def is_filled(self, name: str) -> bool:
        """Whether a field is there and neither null nor empty."""
        return bool(self._body.get(name))

    def check_names(self, read: Collection[str], *, left_out: Collection[str] = ()) -> None:
        """Name the fields that are left out, and refuse those that mean nothing to Palier.

        Raises:
            InvalidSpec: a field is neither read nor left out.
        """
        for name in self._body:
            if name in left_out:
                self.leave_out(name)
            elif name not in read:
                self.refuse(str(name), "Palier has nothing that corresponds to this field")

    def leave_out(self, name: str) -> None:
        """Name a field as left out."""
        self._left_out.append(self.name_field(name))

    def check_value(self, name: str, expected: object, message: str) -> None:
        """Refuse a field that is there and not as expected.

        Raises:
            InvalidSpec: it is another value.
        """
        if self.has(name) and self._body[name] != expected:
            self.refuse(name, message)

    def part(self, name: str) -> "Fields":
        """A field that holds other fields.

        Raises:
            InvalidSpec: it is missing or holds none.
        """
        return Fields(self._require_value(name), self.name_field(name), self._left_out)

    def parts(self, name: str) -> Iterator["Fields"]:
        """The entries of a list.

        Raises:
            InvalidSpec: it is missing, no list, or an entry holds no fields.
        """
        entries = self._require_value(name)
        if not isinstance(entries, list):
            self.refuse(name, "this field has to be a list")
        for index, entry in enumerate(entries):
            yield Fields(entry, f"{self.name_field(name)}[{index}]", self._left_out)

    def text(self, name: str) -> str:
        """A text.

        Raises:
            InvalidSpec: it is missing or something else.
        """
        value = self._require_value(name)
        if not isinstance(value, str) or not value:
            self.refuse(name, "this field has to be a text")
        return value

    def number(self, name: str) -> Decimal:
        """A number, written as such or as a text.

        Raises:
            InvalidSpec: it is missing or no number.
        """
        value = self._require_value(name)
        try:
            number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            self.refuse(name, "this field has to be a number")
        return number

    def marks(self) -> dict[str, str]:
        """Palier's own annotations of an object, without their prefix; other metadata but names is left out.

        Raises:
            InvalidSpec: an annotation of Palier is no text.
        """
        metadata = self.part("metadata")
        annotations = metadata.part("annotations") if metadata.has("annotations") else Fields({}, "", self._left_out)
        own = [str(name) for name in annotations._body if str(name).startswith(PREFIX)]  # noqa: SLF001 - the same class
        left_out = {name for name in metadata._body if name not in {"name", "namespace", "annotations"}}  # noqa: SLF001
        metadata.check_names(("name", "namespace", "annotations"), left_out=left_out)
        annotations.check_names(own, left_out={name for name in annotations._body if name not in own})  # noqa: SLF001
        return {name.removeprefix(PREFIX): annotations.text(name) for name in own}

    def _require_value(self, name: str) -> Any:  # noqa: ANN401 - whatever somebody has written
        if not self.has(name):
            self.refuse(name, "this field is required")
        return self._body[name]
