"""Budgets in the cluster: one for each revision with traffic and pods to spare, and none beside somebody else's."""

from typing import Any

import pytest

from palier.cluster.denials import Denial
from palier.cluster.disruption import keep_disruption_budgets
from palier.cluster.store import Store
from palier.errors import ClusterError, Forbidden, Invalid, NameTaken, NotFound, Unavailable
from palier.manifests.revision import deployment_manifest
from tests.support.cluster.memory import MemoryCluster
from tests.support.release.world import model_deployment

STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"


class Shell:
    """An operator that keeps the budgets of one ModelDeployment; its watches catch up after each pass."""

    def __init__(self) -> None:
        self.cluster, self.store = MemoryCluster(), Store()
        self.deployment = model_deployment()

    async def keep(self, **wanted: int) -> Denial:
        """One pass."""
        denial = await keep_disruption_budgets(self.cluster, self.store, self.deployment, wanted)
        self.cluster.tell(self.store)
        return denial

    @property
    def names(self) -> set[str]:
        """The names of all budgets."""
        return {name for kind, _, name in self.cluster.objects if kind == "PodDisruptionBudget"}

    def somebody_has_a_budget(self, name: str = "theirs", **selector: Any) -> None:  # noqa: ANN401
        """Somebody else makes a budget, and the watch tells of it."""
        metadata = {"name": name, "namespace": "ml"}
        spec = {"minAvailable": 1, "selector": selector}
        self.cluster.put({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec})
        self.cluster.tell(self.store)


async def test_budgets_follow_the_traffic() -> None:
    """They come with it and go with it, and with the pods that make them possible."""
    shell = Shell()
    for wanted, names in (
        ({STABLE: 4}, {f"demo-{STABLE}"}),
        ({STABLE: 4, CANDIDATE: 1}, {f"demo-{STABLE}"}),
        ({STABLE: 4, CANDIDATE: 2}, {f"demo-{STABLE}", f"demo-{CANDIDATE}"}),
        ({CANDIDATE: 4}, {f"demo-{CANDIDATE}"}),
        ({CANDIDATE: 1}, set()),
        ({}, set()),
    ):
        assert await shell.keep(**wanted) is None
        assert shell.names == names


async def test_a_pass_with_nothing_new_asks_for_nothing() -> None:
    """Neither when the number of pods changes, nor when somebody adds a field."""
    shell = Shell()
    await shell.keep(**{STABLE: 4})
    budget = shell.cluster.find("PodDisruptionBudget", f"demo-{STABLE}")
    assert budget is not None
    shell.cluster.put({**budget, "spec": {**budget["spec"], "more": 1}, "status": {"currentHealthy": 4}})
    shell.cluster.tell(shell.store)
    requests = shell.cluster.requests
    await shell.keep(**{STABLE: 7})

    assert shell.cluster.requests == requests


async def test_what_somebody_changes_is_put_right() -> None:
    """A budget that would keep nodes from being drained does so for one pass."""
    shell = Shell()
    await shell.keep(**{STABLE: 4})
    budget = shell.cluster.find("PodDisruptionBudget", f"demo-{STABLE}")
    assert budget is not None
    shell.cluster.put({**budget, "spec": {**budget["spec"], "maxUnavailable": 0}})
    shell.cluster.tell(shell.store)
    await shell.keep(**{STABLE: 4})

    budget = shell.cluster.find("PodDisruptionBudget", f"demo-{STABLE}")
    assert budget is not None
    assert budget["spec"]["maxUnavailable"] == 1


async def test_pods_with_a_budget_of_their_author_get_no_second_one() -> None:
    """Kubernetes would refuse every eviction of them; one that comes later replaces Palier's."""
    shell = Shell()
    await shell.keep(**{STABLE: 4})
    shell.somebody_has_a_budget(matchLabels={"palier.dev/modeldeployment": "demo"})
    assert await shell.keep(**{STABLE: 4, CANDIDATE: 4}) is None

    assert shell.names == {"theirs"}


async def test_the_labels_of_the_authors_template_count_too() -> None:
    """They are what the author's own budget most likely selects; of another label it has nothing to say."""
    shell = Shell()
    spec = shell.deployment.spec
    template = spec.serving.template.model_copy(
        update={"metadata": spec.serving.template.metadata.model_copy(update={"labels": {"app": "demo"}})}
    )
    serving = spec.serving.model_copy(update={"template": template})
    labelled = shell.deployment.model_copy(update={"spec": spec.model_copy(update={"serving": serving})})
    await shell.cluster.apply(deployment_manifest(labelled, STABLE))
    shell.somebody_has_a_budget(matchLabels={"app": "demo"})
    assert await shell.keep(**{STABLE: 4, CANDIDATE: 4}) is None

    assert shell.names == {"theirs", f"demo-{CANDIDATE}"}


async def test_a_name_that_is_taken_is_told() -> None:
    """Somebody else's object of that name is neither written nor deleted."""
    shell = Shell()
    shell.somebody_has_a_budget(f"demo-{STABLE}", matchLabels={"app": "other"})
    before = shell.cluster.find("PodDisruptionBudget", f"demo-{STABLE}")
    denial = await shell.keep(**{STABLE: 4})
    assert isinstance(denial, NameTaken)
    await shell.keep()

    assert shell.cluster.find("PodDisruptionBudget", f"demo-{STABLE}") == before


@pytest.mark.parametrize("error", [Forbidden("no right"), Invalid("policy: no budgets")], ids=type)
async def test_a_budget_that_is_denied_stops_nothing(error: ClusterError) -> None:
    """It is told, and the other revision has its budget all the same; so it is with one that may not go."""
    shell = Shell()
    shell.cluster.refuses[f"PodDisruptionBudget demo-{STABLE}"] = error
    assert str(error) in str(await shell.keep(**{STABLE: 4, CANDIDATE: 4}))
    assert shell.names == {f"demo-{CANDIDATE}"}

    shell.cluster.refuses.clear()
    shell.cluster.refuses_deletion["PodDisruptionBudget"] = error
    assert str(error) in str(await shell.keep(**{STABLE: 4}))
    assert shell.names == {f"demo-{STABLE}", f"demo-{CANDIDATE}"}


async def test_a_denied_budget_keeps_no_other_from_going() -> None:
    """What is refused on one side does not stop what is allowed on the other."""
    shell = Shell()
    await shell.keep(**{STABLE: 4})
    shell.cluster.refuses["PodDisruptionBudget"] = Forbidden("no right")
    assert isinstance(await shell.keep(**{CANDIDATE: 4}), Forbidden)

    assert shell.names == set()


async def test_a_cluster_without_budgets_is_no_trouble() -> None:
    """Its API server knows no such kind; an API server that is away is trouble as always."""
    shell = Shell()
    shell.cluster.refuses["PodDisruptionBudget"] = NotFound("the server could not find the requested resource")
    assert await shell.keep(**{STABLE: 4}) is None

    shell.cluster.refuses["PodDisruptionBudget"] = Unavailable("away")
    with pytest.raises(Unavailable):
        await shell.keep(**{STABLE: 4})
