"""The directory with the credentials: what cannot work is refused at the start, and files are read as one."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from local import pki
from palier.errors import InvalidSettings
from palier.metrics.connection import Credentials
from tests.support.metrics.secured import TOKEN, Mount


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "{} has none of the files token, username, password, ca.crt, tls.crt, tls.key, headers"),
        ({"Token": TOKEN}, "{}/Token is not a file that is known here; known are token, username, password, ca.crt"),
        ({"token": TOKEN, "username": "a", "password": "b"}, "{} has both token and username"),
        ({"username": "a"}, "{}/username needs password beside it"),
        ({"password": "a"}, "{}/password needs username beside it"),
        ({"tls.crt": Path("client.crt")}, "{}/tls.crt needs tls.key beside it"),
        ({"tls.key": Path("client.key")}, "{}/tls.key needs tls.crt beside it"),
        ({"token": " \n"}, "{}/token is empty"),
        ({"token": "two words"}, "{}/token must hold one word"),
        ({"token": "injected\nX-Admin: 1"}, "{}/token must hold one word"),
        ({"token": b"\xff\xfe"}, "{}/token is not text in UTF-8"),
        ({"username": "a:b", "password": "c"}, "{}/username must not have a colon"),
        ({"username": "a", "password": "b\nc"}, "{}/password must hold one line"),
        ({"username": "a", "password": ""}, "{}/password is empty"),
        ({"headers": "X-Scope-OrgID team"}, "line 1 of {}/headers is not of the form Name: value"),
        ({"headers": "A: 1\nX Y: 2"}, "line 2 of {}/headers is not of the form Name: value"),
        ({"headers": "A: tenänt"}, "line 1 of {}/headers is not of the form Name: value"),
        ({"headers": "A:"}, "line 1 of {}/headers is not of the form Name: value"),
        ({"headers": "a: 1\nA: 2"}, "line 2 of {}/headers sets A a second time"),
        ({"headers": "Host: other"}, "line 1 of {}/headers sets Host, which belongs to the connection"),
        ({"headers": "authorization: x", "token": TOKEN}, "{}/headers must not set authorization: token does"),
        (
            {"headers": "Authorization: x", "username": "a", "password": "b"},
            "{}/headers must not set Authorization: username does",
        ),
        ({"ca.crt": "no certificate"}, "{}/ca.crt holds no certificate in PEM"),
        ({"tls.crt": Path("client.crt"), "tls.key": "no key"}, "{}/tls.crt and tls.key hold no certificate in PEM"),
        (
            {"tls.crt": Path("client.crt"), "tls.key": Path("next-client.key")},
            "{}/tls.key is not the key of the certificate in tls.crt",
        ),
    ],
)
def test_a_directory_that_cannot_work_is_refused_at_the_start(
    mount: Mount, files: Mapping[str, str | bytes | Path], told: str
) -> None:
    """The message names the flag, the file and what is wrong with it, and nothing of what is in it."""
    directory = mount(files)
    with pytest.raises(InvalidSettings) as caught:
        Credentials(directory)
    assert str(caught.value).startswith(f"--prometheus-credentials: {told.format(directory)}")
    assert TOKEN not in str(caught.value)


def test_an_encrypted_key_is_refused_and_asks_nobody(mount: Mount, certificates: Path, tmp_path: Path) -> None:
    """OpenSSL would ask for the password at the terminal, where nobody is."""
    encrypted = tmp_path / "encrypted.key"
    pki._openssl(
        *("pkey", "-in", str(certificates / "client.key"), "-aes256", "-passout", "pass:secret"),
        *("-out", str(encrypted)),
    )
    directory = mount({"tls.crt": Path("client.crt"), "tls.key": encrypted})
    with pytest.raises(InvalidSettings, match="not encrypted"):
        Credentials(directory)


def test_files_that_are_replaced_while_being_read_are_not_mixed(
    mount: Mount, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of before and a key of after would fit nothing: the files are read until they hold still."""
    after = {"tls.crt": Path("next-client.crt"), "tls.key": Path("next-client.key")}
    directory = mount({"tls.crt": Path("client.crt"), "tls.key": Path("client.key")})
    read, changed = Path.read_bytes, []

    def read_and_replace(path: Path) -> bytes:
        content = read(path)
        if path == directory / "tls.crt" and not changed:
            changed.append(path)
            mount(after)
        return content

    monkeypatch.setattr(Path, "read_bytes", read_and_replace)
    files = Credentials(directory)._known[0]
    assert files == {name: (certificates / file).read_bytes() for name, file in after.items()}


def test_a_directory_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """A key that is itself a directory cannot be read, and the message says so."""
    (tmp_path / "token").mkdir()
    with pytest.raises(InvalidSettings, match=r"token cannot be read \(Is a directory\)"):
        Credentials(tmp_path)
