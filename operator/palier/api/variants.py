"""From one spec with variants to the specs that it could become: one for each variant, as if written without any."""

from dataclasses import dataclass

from palier.api.spec.serving import ModelVersion, Serving, Variant
from palier.api.v1alpha1 import ModelDeployment


@dataclass(frozen=True, slots=True)
class ResolvedVariant:
    """One way to serve the model.

    Attributes:
        name: name of the variant; empty where the spec has none.
        deployment: the object with this variant's model and serving, and without variants.
    """

    name: str
    deployment: ModelDeployment


def resolve_variants(deployment: ModelDeployment) -> tuple[ResolvedVariant, ...]:
    """Every way to serve the model that the spec names, in its order; the spec itself where it names none."""
    spec = deployment.spec
    if not spec.serving.variants:
        return (ResolvedVariant("", deployment),)
    return tuple(
        ResolvedVariant(
            variant.name,
            deployment.model_copy(
                update={
                    "spec": spec.model_copy(
                        update={"model": _model(spec.model, variant), "serving": _apply_variant(spec.serving, variant)}
                    )
                }
            ),
        )
        for variant in spec.serving.variants
    )


def _model(model: ModelVersion, variant: Variant) -> ModelVersion:
    if variant.model is None:
        return model
    given = {name: value for name, value in variant.model if value is not None}
    if given.get("runtime", model.runtime) != model.runtime:
        # The version of another program says nothing about this one.
        given.setdefault("runtime_version", None)
    return model.model_copy(update=given)


def _apply_variant(serving: Serving, variant: Variant) -> Serving:
    replaced = {
        "placement": variant.placement,
        "template": variant.template,
        "port": variant.port,
    }
    given = {name: value for name, value in replaced.items() if value is not None}
    return serving.model_copy(update={**given, "variants": []})
