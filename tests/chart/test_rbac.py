"""Rights as rendered: few, named, and in listed namespaces where namespaces are listed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from palier.cluster.kinds import CLUSTER_SCOPED, PLURALS

if TYPE_CHECKING:
    from tests.chart.conftest import Chart, Rendered


def operator_roles(rendered: Rendered) -> list[dict[str, Any]]:
    """Roles and ClusterRoles that a binding gives to the operator's ServiceAccount."""
    account = rendered.one("ServiceAccount")["metadata"]["name"]
    bindings = rendered.of_kind("RoleBinding") + rendered.of_kind("ClusterRoleBinding")
    bound = {
        (binding["roleRef"]["kind"], binding["roleRef"]["name"], binding["metadata"].get("namespace"))
        for binding in bindings
        if any(subject["name"] == account for subject in binding["subjects"])
    }
    roles = rendered.of_kind("Role") + rendered.of_kind("ClusterRole")
    return [
        role for role in roles if (role["kind"], role["metadata"]["name"], role["metadata"].get("namespace")) in bound
    ]


def test_no_wildcard_and_no_secret_anywhere(chart: Chart) -> None:
    """No role of the chart, for the operator or for people, says `*` or reaches secrets or other roles."""
    rendered = chart.render(replicas=2, leaderElection={"enabled": True})
    roles = rendered.of_kind("Role") + rendered.of_kind("ClusterRole")
    assert len(roles) == 4
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]
            assert not {"bind", "escalate", "impersonate"} & set(rule["verbs"])
            assert not any(word in resource for resource in rule["resources"] for word in ("secret", "role", "/exec"))
            assert "nonResourceURLs" not in rule


def test_the_operator_only_writes_status_of_what_users_write(chart: Chart) -> None:
    """Of a ModelDeployment the operator may read everything and patch nothing but status."""
    (role,) = operator_roles(chart.render())
    rights = {
        resource: set(rule["verbs"])
        for rule in role["rules"]
        if rule["apiGroups"] == ["palier.dev"]
        for resource in rule["resources"]
    }
    assert rights == {
        "modeldeployments": {"get", "list", "watch"},
        "modeldeployments/status": {"patch"},
        "modeldeployments/finalizers": {"update"},
    }


def test_the_roles_name_exactly_the_kinds_that_the_code_knows(chart: Chart) -> None:
    """The operator's roles and its table of kinds name the same resources, so neither can grow without the other."""
    rules = [rule for role in operator_roles(chart.render(leaderElection={"enabled": True})) for rule in role["rules"]]
    granted = {
        (group, resource.partition("/")[0])
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == {(version.rpartition("/")[0], plural) for (version, _), plural in PLURALS.items()}


def test_the_readme_tells_the_operators_rights(chart: Chart) -> None:
    """The table in the chart's README is the operator's role, row by row."""
    (role,) = operator_roles(chart.render())
    rights = {
        (rule["apiGroups"][0], resource): rule["verbs"] for rule in role["rules"] for resource in rule["resources"]
    }
    row = re.compile(r"^\| (?:`([a-z0-9.]+)`|core) \| `([a-z/]+)` \| ([a-z, ]+) \| .+ \|$", re.MULTILINE)
    told = row.findall((chart.folder / "README.md").read_text())
    assert {(group, resource): verbs.split(", ") for group, resource, verbs in told} == rights


def test_listed_namespaces_need_no_cluster_role(chart: Chart) -> None:
    """With listed namespaces the operator has the same rules as Roles there, but for kinds that live in none."""
    (cluster_role,) = operator_roles(chart.render())
    rendered = chart.render(watch={"namespaces": ["ml", "nlp"]})
    roles = operator_roles(rendered)
    assert [(role["kind"], role["metadata"]["namespace"]) for role in roles] == [("Role", "ml"), ("Role", "nlp")]
    rules = [rule for rule in cluster_role["rules"] if not _cluster_scoped(rule)]
    assert len(rules) == len(cluster_role["rules"]) - 1
    assert all(role["rules"] == rules for role in roles)
    assert not rendered.of_kind("ClusterRoleBinding")
    subjects = [subject for binding in rendered.of_kind("RoleBinding") for subject in binding["subjects"]]
    assert subjects == [{"kind": "ServiceAccount", "name": "palier", "namespace": chart.namespace}] * 2


def _cluster_scoped(rule: dict[str, Any]) -> bool:
    """Whether a rule is about kinds that live in no namespace; such a rule has no others."""
    groups, (resource, *others) = rule["apiGroups"], rule["resources"]
    wide = (groups[0], resource) in {(one[0].rpartition("/")[0], PLURALS[one]) for one in CLUSTER_SCOPED}
    assert not (wide and others)
    return wide


@pytest.mark.parametrize(("release", "lease"), [("palier", "palier"), ("prod", "prod-palier")])
def test_the_lease_is_its_own_and_only_with_election(chart: Chart, release: str, lease: str) -> None:
    """Leases are reached in the release's namespace only, by name where RBAC can name them, and only when electing.

    The name follows the release, so that two releases in one namespace do not keep each other from acting.
    """
    chart = replace(chart, release=release)
    rendered = chart.render(watch={"namespaces": ["ml"]}, leaderElection={"enabled": True})
    assert f"--lease-name={lease}" in rendered.container["args"]
    (role,) = [role for role in operator_roles(rendered) if "leases" in str(role["rules"])]
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", chart.namespace)
    for rule in role["rules"]:
        assert rule["apiGroups"] == ["coordination.k8s.io"]
        assert rule["verbs"] == ["create"] or rule["resourceNames"] == [lease]


def test_people_get_rights_through_the_cluster_roles_they_have(chart: Chart) -> None:
    """Viewers read, editors write ModelDeployments and their scale, nobody writes status; it can be switched off."""
    rendered = chart.render()
    operator = {role["metadata"]["name"] for role in operator_roles(rendered)}
    people = {
        role["metadata"]["name"]: role
        for role in rendered.of_kind("ClusterRole")
        if role["metadata"]["name"] not in operator
    }
    view, edit = people["palier-system-palier-view"], people["palier-system-palier-edit"]
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    assert {label for label in view["metadata"]["labels"] if label.startswith(aggregate)} == {
        f"{aggregate}view",
        f"{aggregate}edit",
        f"{aggregate}admin",
    }
    assert {label for label in edit["metadata"]["labels"] if label.startswith(aggregate)} == {
        f"{aggregate}edit",
        f"{aggregate}admin",
    }
    assert {verb for rule in view["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert {resource for rule in edit["rules"] for resource in rule["resources"]} == {
        "modeldeployments",
        "modeldeployments/scale",
    }
    without = chart.render(rbac={"create": True, "aggregateToUserRoles": False})
    assert {role["metadata"]["name"] for role in without.of_kind("ClusterRole")} == operator


def test_roles_can_be_left_to_others(chart: Chart) -> None:
    """With `rbac.create: false` and no roles for people the chart makes none, even when electing."""
    rendered = chart.render(
        rbac={"create": False, "aggregateToUserRoles": False}, replicas=2, leaderElection={"enabled": True}
    )
    assert not [item for item in rendered.objects if item["apiVersion"].startswith("rbac.")]


def test_two_releases_do_not_share_cluster_objects(chart: Chart) -> None:
    """Releases of one name in two namespaces have cluster roles of their own."""
    other = type(chart)(helm=chart.helm, namespace="second")
    names = [
        {item["metadata"]["name"] for item in rendered.objects if item["kind"].startswith("ClusterRole")}
        for rendered in (chart.render(), other.render(crds={"install": False}))
    ]
    assert not names[0] & names[1]
