"""Tries the Python client against the server at the URL it is given."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import hookyard

client = hookyard.Client(sys.argv[1])
project = "guest/python"
for n in range(2):
    receipt = client.publish(project, {"type": "order.created", "data": {"id": 7}}, idempotency_key="order-1")
    print("duplicate true" if n and receipt["duplicate"] else "published order.created")
receipts = client.publish(project, [{"type": "order.paid", "data": n} for n in range(2)])
assert len(receipts) == 2, receipts
hook = client.create_hook(project, "billing", {"url": "http://127.0.0.1:9/", "events": ["order.*"]})
print("created hook", hook["id"], "for", hook["events"][0])
print("listed", len(client.list_hooks(project)), "hook")
pages = 0


def counted(*args, **query):
    global pages
    pages += 1
    return client.list_events(*args, **query)


found = len(list(client.iterate(counted, project, limit=2)))
print("found", found, "events on", pages, "pages")
try:
    client.show_event(project, "evt_none")
except hookyard.HookyardError as e:
    assert e.code == "not_found", e.body
    print("no such event:", e.status)
try:
    client.list_events(project, limit=0)
except hookyard.HookyardError as e:
    print("a bad limit:", e.field)

[order] = client.list_events(project, fields={"field.data.id": "7"})["events"]
assert b'"id": 7' in client.show_event_body(project, order["id"])
for event in client.stream_events(project, since="all"):
    assert event["type"] == "order.created", event
    break
client.update_hook(project, "billing", {"active": False})
assert client.show_hook(project, "billing")["active"] is False
client.remove_hook(project, "billing")
for wrong in (lambda: client.list_hooks("python"), lambda: hookyard.Client("hooks.example.com")):
    try:
        wrong()
        raise AssertionError("accepted")
    except ValueError:
        pass


class Busy(BaseHTTPRequestHandler):
    """Answers 503, and then with what it was sent."""

    keys = []

    def do_POST(self):
        self.keys.append(self.headers["Idempotency-Key"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503 if len(self.keys) == 1 else 202)
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(b'{"id": "evt_1", "deliveries": 0}')

    def log_message(self, *_):
        pass


busy = HTTPServer(("127.0.0.1", 0), Busy)
Thread(target=busy.serve_forever, daemon=True).start()
hookyard.Client(f"http://127.0.0.1:{busy.server_port}").publish(project, {"type": "x", "data": 1})
assert len(Busy.keys) == 2 and Busy.keys[0] == Busy.keys[1], Busy.keys
