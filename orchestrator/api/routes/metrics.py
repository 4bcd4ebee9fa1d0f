"""Figures for Prometheus: of this process, and of everything that is running.

They contain nothing personal or secret.
"""

from fastapi import APIRouter, Request, Response
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from orchestrator.api import door
from orchestrator.services.deps import Deps
from orchestrator.services.upkeep.gauges import Gauges

router = APIRouter(tags=["operations"], generate_unique_id_function=door.operation_id)


def registry_of(deps: Deps) -> CollectorRegistry:
    """Make the registry of an application: gauges over its own parts, and the counters of its process."""
    registry = CollectorRegistry()
    registry.register(Gauges(deps))
    registry.register(REGISTRY)
    return registry


@router.get("/metrics", response_class=Response, summary="Figures for Prometheus")
def get_metrics(request: Request) -> Response:
    """Text that Prometheus reads. Workers and timekeepers show theirs at METRICS_PORT."""
    encoder, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encoder(request.app.state.registry), media_type=media_type)
