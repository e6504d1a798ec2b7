"""What counts as lost, in one place: for requests, websockets and event streams."""

GOING_AWAY = 1001
"""The code with which an app closes its websockets when it has been told to stop."""
LAST_EVENT = "bye"
"""The event that the sample app sends before it ends a stream."""


def of_request(status: int, error: str) -> str:
    """Return why a request is lost, empty when it is not: it has to be answered whole, with 2xx."""
    if error:
        return error
    return "" if 200 <= status < 300 else f"status {status}"


def of_websocket(received: int | None) -> str:
    """Return why a websocket that ended is broken: the app has to say goodbye.

    Args:
        received: the code of the close frame that came; None when none came.
    """
    if received == GOING_AWAY:
        return ""
    return "cut without a close frame" if received is None else f"closed with {received}"


def of_stream(last_event: str) -> str:
    """Return why an event stream that ended in order is broken: the app has to say goodbye."""
    return "" if last_event == LAST_EVENT else "ended without a last event"
