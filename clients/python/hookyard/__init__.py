"""A client of hookyard's REST API, with the standard library alone.

    import hookyard

    client = hookyard.Client("https://hooks.example.com", token)
    receipt = client.publish("shop/orders", {"type": "order.created", "data": {"id": 7}})
    for event in client.iterate(client.list_events, "shop/orders", type="order.*"):
        print(event["id"], event["time"])

Module hookyard.api has the types of what goes in and comes out, for type checkers.
"""

from .api import API
from .base import HookyardError

__all__ = ["Client", "HookyardError"]


class Client(API):
    """A client of one server. It may be used by several threads at a time."""
