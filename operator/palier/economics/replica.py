"""What one replica of a ModelDeployment costs: what it asks for, at the prices of the nodes that it asks for."""

from datetime import date

from palier.api.v1alpha1 import ModelDeployment
from palier.economics.prices import Priced, PriceTable, Unpriced, hourly
from palier.economics.resources import Resources, node_selector, read_requests
from palier.errors import InvalidSpec


def replica_price(
    deployment: ModelDeployment, prices: PriceTable | None, *, today: date, problem: str = ""
) -> tuple[Resources | None, Priced | Unpriced]:
    """What one replica asks for and costs; a spec that cannot be priced is no error but no evidence.

    Args:
        deployment: the spec, without variants.
        prices: the prices; None where there are none.
        today: the date, by which prices may be too old.
        problem: why there are no prices, as a sentence.
    """
    try:
        resources = read_requests(deployment)
        selector = node_selector(deployment)
    except InvalidSpec as error:
        return None, Unpriced("CannotBePriced", str(error))
    return resources, hourly(resources, prices, node_selector=selector, today=today, problem=problem)
