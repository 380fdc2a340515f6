"""A ModelDeployment that was deleted and made again before a worker was free, as GitOps tools and people do it."""

import copy
from typing import Any

from palier.api.constants import KIND
from palier.errors import Invalid
from tests.support.cluster.trial_life import KEY, PROMISES, Life, serving

PLAIN: dict[str, Any] = {"golden": False, "shadow": False, "objectives": PROMISES[:1], "spec": {}}


async def test_a_refusal_of_the_former_object_is_none_of_the_new_one(life: Life) -> None:
    """The same spec was refused ten minutes ago at most; under another uid it is tried at once."""
    life.cluster.refuses["Deployment"] = Invalid("spec.template: Required value")
    life.ask_for("1", **PLAIN)
    await life.run(3)
    assert life.status["stage"] == "Invalid"

    life.cluster.refuses.clear()
    body = life.cluster.objects.pop((KIND, *KEY))
    spec = copy.deepcopy(body["spec"])
    life.cluster.put(
        {
            "apiVersion": body["apiVersion"],
            "kind": KIND,
            "metadata": {"name": KEY.name, "namespace": KEY.namespace},
            "spec": spec,
        }
    )
    assert life.cluster.objects[KIND, *KEY]["metadata"]["uid"] != body["metadata"]["uid"]
    await life.run(15)
    assert life.status["stage"] == "Serving"


async def test_every_step_of_a_rollback_is_urgent(life: Life) -> None:
    """From the breach to the last step the release asks to go before others, and then no longer."""
    await serving(life)
    life.ask_for("2", **PLAIN)
    while not life.weights() or 50 not in life.weights().values():
        await life.run(1)
    life.fails["2"] = 0.5
    urgent: list[bool] = []
    for _ in range(40):
        life.now += 1
        life.cluster.accept_routes()
        life.count()
        life.cluster.tell(life.store)
        await life.controller.looks.look(life.now)
        before = life.status["release"]["step"] if "release" in life.status else ""
        rest = await life.controller.reconcile(KEY)
        after = life.status["release"]["step"] if "release" in life.status else ""
        if "RollingBack" in {before, after}:
            urgent.append(getattr(rest, "urgent", False) == (after == "RollingBack"))
    assert urgent
    assert all(urgent)
    assert life.status["outcome"]["result"] == "RolledBack"
