"""What a spec asks for, with the texts that it only names: prompts and the requests of its tests live in ConfigMaps."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from palier.api.revision import revision_hash
from palier.api.spec.load_test import Corpus
from palier.api.spec.serving import ConfigMapKey
from palier.api.v1alpha1 import ModelDeployment
from palier.api.variants import resolve_variants
from palier.cluster.store import Store
from palier.errors import InvalidSpec
from palier.loadtest.plan import digest, plan_for
from palier.release.state import State
from palier.release.testing import ServingOption


@dataclass(frozen=True, slots=True)
class SpecInputs:
    """What a spec asks for."""

    revision: str
    """The hash of all of it."""
    options: tuple[ServingOption, ...] = ()
    """The ways to run it; empty while a text that belongs to it cannot be read."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """The text of each prompt by its name."""
    requests: str = ""
    """The requests of the load test, where a ConfigMap has them."""
    golden_requests: str = ""
    """The requests of the golden answers, where a ConfigMap has them."""
    judge_prompt: str = ""
    """The text for the judge of golden answers, where the spec names one."""
    calibration: str = ""
    """The pairs that people have judged, where a ConfigMap has them."""
    unreadable: str = ""
    """Why a text that belongs to it cannot be read."""


def read_inputs(store: Store, deployment: ModelDeployment, state: State) -> SpecInputs:
    """What the spec asks for, as its ConfigMaps are now.

    Raises:
        InvalidSpec: a text cannot be read, and no candidate is under trial that has to be judged all the same.
    """
    try:
        prompts, requests = _prompts(store, deployment), _requests(store, deployment)
        golden = _golden_texts(store, deployment)
        options = _list_options(deployment, prompts, requests)
    except InvalidSpec as error:
        if state.release is None or state.candidate is None:
            raise
        return SpecInputs(state.candidate.asked_for_by, unreadable=f"{error.field}: {error.message}")
    revision = revision_hash(deployment.spec.model, deployment.spec.serving, prompts)
    return SpecInputs(revision, options, prompts, requests, **golden)


def read_watch_profile(store: Store, deployment: ModelDeployment) -> str:
    """The text of the profile that the data of what serves is compared with; empty where the spec names none.

    Raises:
        InvalidSpec: it cannot be read. Nothing waits for it: the data cannot be watched, and all else goes on.
    """
    drift = deployment.spec.watch.data_drift
    reference = drift.reference.profile if drift and drift.reference else None
    if reference is None:
        return ""
    field = "spec.watch.dataDrift.reference.profile.configMapKeyRef"
    return _text(store, deployment, reference.config_map_key_ref, field=field)


def _list_options(deployment: ModelDeployment, prompts: Mapping[str, str], requests: str) -> tuple[ServingOption, ...]:
    tested = deployment.spec.release.load_test is not None
    found = []
    for one in resolve_variants(deployment):
        spec = one.deployment.spec
        revision = revision_hash(spec.model, spec.serving, prompts)
        about = digest(plan_for(one.deployment, base_urls=(), requests=requests)) if tested else ""
        found.append(ServingOption(one.name, revision, one.deployment, about))
    return tuple(found)


def _prompts(store: Store, deployment: ModelDeployment) -> dict[str, str]:
    return {
        prompt.name: _text(
            store, deployment, prompt.config_map_key_ref, field=f"spec.model.prompts[{index}].configMapKeyRef"
        )
        for index, prompt in enumerate(deployment.spec.model.prompts)
    }


def _requests(store: Store, deployment: ModelDeployment) -> str:
    scale = deployment.spec.scale
    corpus = scale.load_test.corpus if scale else None
    return _lines(store, deployment, corpus, field="spec.scale.loadTest.corpus")


def _golden_texts(store: Store, deployment: ModelDeployment) -> dict[str, str]:
    """The texts of the golden answers, by the fields of `SpecInputs`; none where no stage asks for any."""
    golden = deployment.spec.golden
    if golden is None or deployment.spec.release.golden is None:
        return {}
    texts = {"golden_requests": _lines(store, deployment, golden.corpus, field="spec.golden.corpus")}
    judge = golden.judge
    if judge is not None and judge.prompt is not None:
        texts["judge_prompt"] = _text(store, deployment, judge.prompt, field="spec.golden.judge.prompt")
    if judge is not None and judge.calibration is not None:
        field = "spec.golden.judge.calibration.corpus"
        texts["calibration"] = _lines(store, deployment, judge.calibration.corpus, field=field)
    return texts


def _lines(store: Store, deployment: ModelDeployment, corpus: Corpus | None, *, field: str) -> str:
    """The text of a corpus that a ConfigMap has; empty for others."""
    if corpus is None or corpus.config_map_key_ref is None:
        return ""
    return _text(store, deployment, corpus.config_map_key_ref, field=f"{field}.configMapKeyRef")


def _text(store: Store, deployment: ModelDeployment, reference: ConfigMapKey, *, field: str) -> str:
    source = store.get("ConfigMap", deployment.metadata.namespace, reference.name)
    if source is None:
        raise InvalidSpec(
            f"{field}.name",
            f'no ConfigMap {reference.name} with the label palier.dev/watch: "true" in this namespace',
        )
    if reference.key not in source.get("data", {}):
        raise InvalidSpec(f"{field}.key", f"ConfigMap {reference.name} has no key {reference.key}")
    return str(source["data"][reference.key])
