"""What a process remembers of an object that it has read: nothing that changes is read too late."""

from typing import Any

import pytest

from palier.errors import InvalidSpec
from palier.reconcile.session import Session
from palier.reconcile.stored import read_body, read_spec
from tests.support.cluster.memory import copied
from tests.support.release.trial_specs import tried

UNDER_WAY: dict[str, Any] = {"step": "Canary", "startedAt": "2026-11-25T00:00:00Z"}


@pytest.fixture
def stored_object() -> dict[str, Any]:
    """An object with a release under way, as the API server has it."""
    body: dict[str, Any] = tried("2").model_dump(mode="json", by_alias=True, exclude_none=True)
    body["metadata"] |= {"uid": "u-1", "generation": 3}
    return {**body, "status": {"weight": 5, "release": UNDER_WAY}}


@pytest.fixture
def session() -> Session:
    """A session that has seen nothing yet."""
    return Session("u-1")


def read(stored_object: dict[str, Any], session: Session) -> Any:  # noqa: ANN401 - a ModelDeployment
    """The spec of an object, read with what the session knows."""
    spec, problem = read_spec(read_body(stored_object, session)[0], session)
    assert problem is None
    return spec


def test_an_unchanged_spec_is_read_once(stored_object: dict[str, Any], session: Session) -> None:
    """The API server sends another copy with every status; who wrote what in the metadata is read every time."""
    first = read(stored_object, session)
    again = copied(stored_object)
    again["metadata"]["annotations"] = {"palier.dev/abort": "0123456789"}
    second = read(again, session)

    assert second.spec is first.spec
    assert second.metadata.annotations == {"palier.dev/abort": "0123456789"}


def test_a_spec_that_changes_is_read_again(stored_object: dict[str, Any], session: Session) -> None:
    """Whether its generation tells or not."""
    read(stored_object, session)
    edited = copied(stored_object)
    edited["spec"]["model"]["version"] = "3"

    assert read(edited, session).spec.model.version == "3"
    assert read(stored_object, session).spec.model.version == "2"


def test_a_spec_that_cannot_be_read_any_more_is_told_in_every_pass(
    stored_object: dict[str, Any], session: Session
) -> None:
    """And when it is as it was before, nothing of that stays."""
    read(stored_object, session)
    broken = copied(stored_object)
    broken["spec"]["serving"]["port"] = "x"
    for _ in range(2):
        _, problem = read_spec(read_body(broken, session)[0], session)
        assert problem is not None
        assert problem.field == "spec.serving.port"

    assert read(stored_object, session).spec.release.paused is False


def test_an_object_without_a_release_is_not_kept(stored_object: dict[str, Any], session: Session) -> None:
    """A fleet at rest costs no memory."""
    read(stored_object, session)
    read({**stored_object, "status": {"weight": 5}}, session)

    assert session == Session("u-1")


def test_the_same_spec_of_another_object_has_its_own_fault(stored_object: dict[str, Any], session: Session) -> None:
    """What one object could read says nothing about another one with a bad name and no release."""
    read(stored_object, session)
    other = copied(stored_object)
    other["metadata"] |= {"name": "Not-A-Name", "uid": "u-2"}
    with pytest.raises(InvalidSpec, match="lower-case"):
        read({**other, "status": {}}, Session("u-2"))
    with pytest.raises(InvalidSpec, match="lower-case"):
        read({**other, "status": {}}, session)


def test_a_part_of_the_status_that_changes_is_read_again(stored_object: dict[str, Any], session: Session) -> None:
    """And one that is odd is told in every pass, until it is as the API declares it."""
    first, odd = read_body(stored_object, session)
    assert odd == ()
    broken = copied(stored_object)
    broken["status"]["weight"] = 101
    for _ in range(2):
        body, odd = read_body(broken, session)
        assert odd == ("status.weight",)
        assert body["status"]["release"] is first["status"]["release"]
    assert (
        read_body({**stored_object, "status": {**stored_object["status"], "weight": 7}}, session)[0]["status"]["weight"]
        == 7
    )
