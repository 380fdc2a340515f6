"""Names that other programs rely on: the API group, labels, annotations, field managers and condition types.

They are part of the public contract, so they live in one place and change only together with the API version.
"""

from typing import Final

GROUP: Final = "palier.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "ModelDeployment"
PLURAL: Final = "modeldeployments"
SINGULAR: Final = "modeldeployment"
SHORT_NAME: Final = "mdep"
CATEGORY: Final = "model-serving"

NAME_MAX_LENGTH: Final = 40
"""Children are named `<name>-<10 hex>` and must stay within the 63 characters of a Service name and a label value."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY_VALUE: Final = "palier"
LABEL_DEPLOYMENT: Final = f"{GROUP}/modeldeployment"
"""On every child: the name of the ModelDeployment that owns it."""
LABEL_REVISION: Final = f"{GROUP}/revision"
"""On every child of one revision: the revision's hash, 10 hexadecimal digits."""
LABEL_WATCH: Final = f"{GROUP}/watch"
"""`"true"` on ConfigMaps of users whose content enters a revision: the operator watches only those."""

ANNOTATION_ABORT: Final = f"{GROUP}/abort"
"""The value names the candidate revision to take back."""
ANNOTATION_PROMOTE: Final = f"{GROUP}/promote"
"""The value names the candidate revision whose remaining stages are skipped."""
ANNOTATION_RETRY: Final = f"{GROUP}/retry"
"""Any value not handled before tries the refused revision once more."""
ANNOTATION_REQUESTED_AT: Final = f"{GROUP}/requestedAt"
"""Any new value reconciles the object now."""

FIELD_MANAGER: Final = "palier"
FIELD_MANAGER_STATUS: Final = "palier-status"
FIELD_MANAGER_SCALE: Final = "palier-scale"

REVISION_HEADER: Final = "x-palier-revision"
"""Response header that names the revision which answered."""
SHADOW_HEADER: Final = "x-palier-shadow"
"""Request header of a shadow proxy's copies: `candidate` or `stable`. No user can send it through a route."""
GOLDEN_HEADER: Final = "x-palier-golden"
"""Request header of golden answers: `candidate` or `stable`. No user can send it through a route."""

READY: Final = "Ready"
"""The stable revision serves and no release is in progress or refused: the summary that tools wait for."""
RECONCILING: Final = "Reconciling"
"""Present, and True, only while a change is on its way."""
STALLED: Final = "Stalled"
"""Present, and True, only when nothing will happen until a person changes something."""
AVAILABLE: Final = "Available"
"""The stable revision has ready pods behind the route."""
MEASURABLE: Final = "Measurable"
"""Every latency objective has a histogram that can answer it."""
DENIED: Final = "Denied"
"""Present, and True, only while the API server denies something that no release needs, such as a deletion."""
PROGRESSING: Final = "Progressing"
"""A release is in progress."""
WITHIN_BUDGET: Final = "WithinBudget"
"""What serving costs, and would cost at target traffic, is within `spec.budget`."""
