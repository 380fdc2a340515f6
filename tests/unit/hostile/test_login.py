"""The session that Kopf gets: as long as the credentials are the same, it is the same."""

import pytest
from kubernetes.aio.client import Configuration

from palier.cluster.client import KubernetesCluster
from palier.cluster.transport import Transport
from palier.kopf_app import _Login


async def test_refused_credentials_are_known_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kopf compares what it gets with what was refused: else it would ask for ever with a token that is no good."""
    configuration = Configuration(host="http://127.0.0.1:9")
    tokens = iter(["Bearer old", "Bearer old", "Bearer new"])

    async def read_token(_name: str) -> str:
        return next(tokens)

    monkeypatch.setattr(configuration, "get_api_key_with_prefix", read_token)
    cluster = KubernetesCluster(Transport(configuration))
    login = _Login(cluster)
    first, second = await login.answer(), await login.answer()
    assert first == second
    await first.aiohttp_session.close()  # as Kopf does with what was refused
    third = await login.answer()
    assert third != first
    assert third.aiohttp_session.headers["Authorization"] == "Bearer new"

    await login.close()
    await cluster.close()
    assert third.aiohttp_session.closed
