"""The columns of `kubectl get`: versions where people look for them, hashes where somebody needs them."""

from palier.api.generate.crd import COLUMNS

PATHS = {column["name"]: (column["jsonPath"], column.get("priority", 0)) for column in COLUMNS}


def test_people_see_versions_and_revisions_only_on_request() -> None:
    """A hash says nothing to whoever has just changed `spec.model.version`; an abort by annotation needs it."""
    assert PATHS["Stable"] == (".status.stable.version", 0)
    assert PATHS["Candidate"] == (".status.candidate.version", 0)
    assert PATHS["StableRevision"] == (".status.stable.revision", 1)
    assert PATHS["CandidateRevision"] == (".status.candidate.revision", 1)
    assert not any(path.endswith(".revision") for path, priority in PATHS.values() if not priority)


def test_every_name_is_one_word() -> None:
    """Tables are taken apart by their blanks."""
    assert [name for name in PATHS if " " in name] == []
