"""What no vendor offers: faults on demand and the log of requests, outside of `/v1`."""

import pydantic

from homeport.cloud.api.faults import Fault
from homeport.cloud.api.routing import Body, Call, Reply, Routes

routes = Routes("/control")


class FaultBody(Fault, Body):
    """Body of `POST /control/faults`; a misspelt field is an error here, unlike at the vendor's."""

    model_config = pydantic.ConfigDict(extra="forbid")


@routes.add("GET", "/faults")
def faults(call: Call) -> Reply:
    """List the faults that still wait."""
    return Reply({"faults": [fault.model_dump() for fault in call.cloud.faults.waiting()]})


@routes.add("POST", "/faults")
def add_fault(call: Call) -> Reply:
    """Let a fault wait."""
    fault = call.body(FaultBody)
    call.cloud.faults.add(fault)
    return Reply({"fault": fault.model_dump()}, 201)


@routes.add("DELETE", "/faults")
def clear_faults(call: Call) -> Reply:
    """Forget all faults."""
    call.cloud.faults.clear()
    return Reply(status=204)


@routes.add("GET", "/requests")
def requests(call: Call) -> Reply:
    """Show counters and the last requests."""
    return Reply(call.cloud.requests.document())


@routes.add("DELETE", "/requests")
def clear_requests(call: Call) -> Reply:
    """Start counting anew."""
    call.cloud.requests.clear()
    return Reply(status=204)
