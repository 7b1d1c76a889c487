# Generated from hookyard's OpenAPI description by "make clients-update". Do not edit.
"""The types and operations of hookyard's REST API."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Literal, Optional, TypedDict, Union

from .base import Base

_Allowance = TypedDict("_Allowance", {
    "owner": str,
    "project": str,
}, total=False)


class Allowance(_Allowance):
    limits: List["Limit"]

Allowances = TypedDict("Allowances", {
    "allowances": List["Allowance"],
})

Answer = TypedDict("Answer", {
    "body": str,
    "delay": str,
    "headers": Dict[str, str],
    "status": int,
}, total=False)

_Attempt = TypedDict("_Attempt", {
    "error": str,
    "errorKind": str,
    "remote": str,
    "response": "Message",
    "status": int,
    "timing": "Timing",
}, total=False)


class Attempt(_Attempt):
    duration: str
    method: str
    n: int
    request: "Message"
    startedAt: str
    url: str

_AuditEntry = TypedDict("_AuditEntry", {
    "detail": str,
    "project": str,
}, total=False)


class AuditEntry(_AuditEntry):
    action: str
    actor: str
    id: int
    subject: str
    time: str

_AuditPage = TypedDict("_AuditPage", {
    "cursor": str,
}, total=False)


class AuditPage(_AuditPage):
    audit: List["AuditEntry"]

_BatchReceipt = TypedDict("_BatchReceipt", {
    "code": str,
    "duplicate": bool,
    "error": str,
    "warning": str,
}, total=False)


class BatchReceipt(_BatchReceipt):
    deliveries: int
    id: str

_Bin = TypedDict("_Bin", {
    "answer": "Answer",
    "key": str,
}, total=False)


class Bin(_Bin):
    color: List[int]
    createdAt: str
    expiresAt: str
    name: str
    private: bool
    request_count: int
    url: str

BinError = Union["Error", "BinRefusal"]

BinRefusal = TypedDict("BinRefusal", {
    "error": str,
})

BinReplay = TypedDict("BinReplay", {
    "body": str,
    "duration": str,
    "error": str,
    "headers": Dict[str, List[str]],
    "status": int,
}, total=False)

_BinRequest = TypedDict("_BinRequest", {
    "truncated": bool,
}, total=False)


class BinRequest(_BinRequest):
    body: str
    content_length: int
    content_type: str
    form_data: List[List[str]]
    headers: Dict[str, str]
    id: str
    method: str
    path: str
    query_string: Dict[str, str]
    raw: str
    rawBase64: str
    remote_addr: str
    time: float

BinSettings = TypedDict("BinSettings", {
    "body": str,
    "delay": str,
    "headers": Dict[str, str],
    "private": bool,
    "status": int,
}, total=False)

_BinSource = TypedDict("_BinSource", {
    "reason": str,
    "request": str,
}, total=False)


class BinSource(_BinSource):
    name: str
    project: str
    type: str
    url: str
    verified: bool

_BinSourceRequest = TypedDict("_BinSourceRequest", {
    "request": str,
    "secret": str,
    "type": str,
}, total=False)


class BinSourceRequest(_BinSourceRequest):
    name: str
    project: str

BinTarget = TypedDict("BinTarget", {
    "url": str,
})

Catalogue = TypedDict("Catalogue", {
    "mode": str,
    "owner": str,
    "public": bool,
    "revision": int,
})

CataloguePatch = TypedDict("CataloguePatch", {
    "mode": Optional[str],
    "public": Optional[bool],
}, total=False)

CloudEvent = Dict[str, Any]

_CurrentUser = TypedDict("_CurrentUser", {
    "guest": bool,
    "token": "Token",
}, total=False)


class CurrentUser(_CurrentUser):
    admin: bool
    name: str

_Delivery = TypedDict("_Delivery", {
    "deliveredAt": str,
    "history": List["Attempt"],
    "nextAttemptAt": str,
    "position": int,
    "rate": float,
    "reason": str,
    "replayId": str,
    "resend": str,
    "status": str,
}, total=False)


class Delivery(_Delivery):
    attempts: int
    eventId: str
    eventTime: str
    eventType: str
    hookId: str
    id: str
    state: str
    updatedAt: str

_DeliveryPage = TypedDict("_DeliveryPage", {
    "cursor": str,
}, total=False)


class DeliveryPage(_DeliveryPage):
    deliveries: List["Delivery"]

_Erased = TypedDict("_Erased", {
    "cursor": str,
}, total=False)


class Erased(_Erased):
    canceled: int
    events: int

_Error = TypedDict("_Error", {
    "field": str,
    "index": int,
    "limit": "Excess",
}, total=False)


class Error(_Error):
    code: str
    documentation_url: str
    error: str
    message: str

_Event = TypedDict("_Event", {
    "base64": str,
    "body": Any,
    "bodyLeftOut": str,
    "channels": List[str],
    "deliveries": Dict[str, int],
    "duplicates": int,
    "header": Dict[str, List[str]],
    "lastDuplicateAt": str,
    "method": str,
    "project": str,
    "remote": str,
    "target": str,
    "text": str,
    "uid": str,
    "verified": str,
    "warning": str,
}, total=False)


class Event(_Event):
    contentType: str
    id: str
    size: int
    source: str
    time: str
    type: str

EventExample = TypedDict("EventExample", {
    "data": Any,
    "type": str,
})

_EventPage = TypedDict("_EventPage", {
    "cursor": str,
    "cut": bool,
    "in": str,
    "tooLarge": int,
}, total=False)


class EventPage(_EventPage):
    events: List["Event"]

EventReplay = TypedDict("EventReplay", {
    "dryRun": bool,
    "hook": str,
    "hooks": List[str],
    "missed": bool,
}, total=False)

EventSignature = TypedDict("EventSignature", {
    "header": Dict[str, List[str]],
})

EventSigning = TypedDict("EventSigning", {
    "url": str,
}, total=False)

_EventType = TypedDict("_EventType", {
    "example": Any,
    "group": str,
    "schema": Any,
    "schemas": Dict[str, Any],
}, total=False)


class EventType(_EventType):
    archived: bool
    createdAt: str
    deprecated: bool
    description: str
    featureFlags: List[str]
    name: str
    revision: int
    updatedAt: str

EventTypeImport = TypedDict("EventTypeImport", {
    "eventTypes": List["ImportedType"],
})

_EventTypePage = TypedDict("_EventTypePage", {
    "cursor": str,
}, total=False)


class EventTypePage(_EventTypePage):
    eventTypes: List["EventType"]

EventTypePatch = TypedDict("EventTypePatch", {
    "archived": Optional[bool],
    "deprecated": Optional[bool],
    "description": Optional[str],
    "example": Any,
    "featureFlags": Optional[List[str]],
    "group": Optional[str],
    "schema": Any,
    "schemas": Optional[Dict[str, Any]],
}, total=False)

Excess = TypedDict("Excess", {
    "name": str,
    "of": str,
    "used": int,
    "value": int,
})

Explanation = TypedDict("Explanation", {
    "event": "Event",
    "hooks": List["HookVerdict"],
})

Feature = TypedDict("Feature", {
    "content_type": str,
    "href": str,
    "name": str,
    "project_href": str,
})

_Figures = TypedDict("_Figures", {
    "answers": Dict[str, int],
    "latency": "Latency",
    "noAnswer": Dict[str, int],
    "refusedFor": Dict[str, int],
}, total=False)


class Figures(_Figures):
    attempts: int
    canceled: int
    delivered: int
    deliveries: int
    events: int
    failed: int
    refused: int
    repeated: int
    resent: int
    skipped: int

Forward = TypedDict("Forward", {
    "headers": bool,
    "method": bool,
    "path": bool,
    "query": bool,
}, total=False)

_Forwarded = TypedDict("_Forwarded", {
    "error": str,
    "response": "ForwardedResponse",
    "status": int,
    "url": str,
}, total=False)


class Forwarded(_Forwarded):
    duration: str
    eventId: str
    request: "ForwardedRequest"
    startedAt: str

ForwardedRequest = TypedDict("ForwardedRequest", {
    "header": Dict[str, List[str]],
}, total=False)

ForwardedResponse = TypedDict("ForwardedResponse", {
    "base64": str,
    "header": Dict[str, List[str]],
    "truncated": bool,
}, total=False)

_Health = TypedDict("_Health", {
    "failingSince": str,
    "lastAttemptAt": str,
    "lastError": str,
    "lastStatus": int,
    "restingUntil": str,
}, total=False)


class Health(_Health):
    failures: int

_Hook = TypedDict("_Hook", {
    "channels": List[str],
    "dataAsBody": bool,
    "expiresAt": str,
    "features": List[str],
    "filter": str,
    "headers": Dict[str, str],
    "metadata": Dict[str, str],
    "method": str,
    "offReason": str,
    "rabbitmq": "RabbitMQ",
    "secret": str,
    "template": str,
    "uid": str,
}, total=False)


class Hook(_Hook):
    active: bool
    contentType: str
    createdAt: str
    description: str
    events: Union[Literal["all"], List[str]]
    format: str
    forward: "Forward"
    health: "Health"
    id: str
    inFlight: int
    insecureTls: bool
    off: "OffPolicy"
    ordered: bool
    rate: float
    revision: int
    schedule: List[str]
    signature: str
    timeout: str
    updatedAt: str
    url: str

HookPatch = TypedDict("HookPatch", {
    "active": Optional[bool],
    "channels": Optional[List[str]],
    "contentType": Optional[str],
    "dataAsBody": Optional[bool],
    "description": Optional[str],
    "events": Union[Literal["all"], List[str], None],
    "expiresAt": Optional[str],
    "features": Optional[List[str]],
    "filter": Optional[str],
    "format": Optional[str],
    "forward": Union["Forward", None],
    "headers": Optional[Dict[str, Optional[str]]],
    "inFlight": Optional[int],
    "insecureTls": Optional[bool],
    "metadata": Optional[Dict[str, str]],
    "method": Optional[str],
    "off": Union["OffPolicy", None],
    "ordered": Optional[bool],
    "rabbitmq": Union["RabbitMQ", None],
    "rate": Optional[float],
    "revision": Optional[int],
    "schedule": Optional[List[str]],
    "secret": Optional[str],
    "signature": Optional[str],
    "template": Optional[str],
    "timeout": Optional[str],
    "uid": Optional[str],
    "url": Optional[str],
}, total=False)

_HookTest = TypedDict("_HookTest", {
    "reason": str,
}, total=False)


class HookTest(_HookTest):
    deliveryId: str
    id: str
    state: str

HookTestRequest = TypedDict("HookTestRequest", {
    "type": str,
}, total=False)

_HookVerdict = TypedDict("_HookVerdict", {
    "attempts": int,
    "deliveryId": str,
    "state": str,
}, total=False)


class HookVerdict(_HookVerdict):
    hook: str
    reason: str
    url: str
    wanted: bool

ImportedType = TypedDict("ImportedType", {
    "change": str,
    "name": str,
})

Invitation = TypedDict("Invitation", {
    "expiresAt": str,
    "url": str,
})

_KeyRotation = TypedDict("_KeyRotation", {
    "endedAt": str,
    "startedAt": str,
    "waitingFor": List[str],
}, total=False)


class KeyRotation(_KeyRotation):
    phase: str
    sealed: int
    unreadable: int

Latency = TypedDict("Latency", {
    "buckets": List["LatencyBucket"],
    "mean": str,
    "p50": str,
    "p95": str,
    "p99": str,
})

_LatencyBucket = TypedDict("_LatencyBucket", {
    "upTo": str,
}, total=False)


class LatencyBucket(_LatencyBucket):
    count: int

_Limit = TypedDict("_Limit", {
    "used": int,
}, total=False)


class Limit(_Limit):
    name: str
    set: bool
    value: int

Limits = TypedDict("Limits", {
    "batch": int,
    "body": int,
    "description": int,
    "eventType": int,
    "headers": int,
    "hooksPerProject": int,
    "secret": int,
    "url": int,
})

Listener = TypedDict("Listener", {
    "url": str,
})

Look = TypedDict("Look", {
    "accent": str,
    "accentDark": str,
    "font": str,
    "frames": List[str],
    "logo": str,
    "name": str,
    "theme": str,
}, total=False)

Member = TypedDict("Member", {
    "role": str,
    "user": str,
})

Members = TypedDict("Members", {
    "members": List["Member"],
})

Message = TypedDict("Message", {
    "asEvent": bool,
    "base64": str,
    "header": Dict[str, List[str]],
    "size": int,
    "text": str,
    "truncated": bool,
}, total=False)

NewSecret = TypedDict("NewSecret", {
    "secret": str,
})

_NewToken = TypedDict("_NewToken", {
    "expiresAt": str,
    "lastUsedAt": str,
    "project": str,
}, total=False)


class NewToken(_NewToken):
    createdAt: str
    id: str
    name: str
    scope: str
    secret: str
    user: str

Node = TypedDict("Node", {
    "clockDifference": str,
    "lag": str,
    "name": str,
    "seenAt": str,
    "self": bool,
    "startedAt": str,
    "version": str,
})

Nodes = TypedDict("Nodes", {
    "nodes": List["Node"],
})

Notification = Dict[str, Any]

_OffPolicy = TypedDict("_OffPolicy", {
    "after": int,
}, total=False)


class OffPolicy(_OffPolicy):
    policy: str

_Period = TypedDict("_Period", {
    "answers": Dict[str, int],
    "latency": "Latency",
    "noAnswer": Dict[str, int],
    "refusedFor": Dict[str, int],
}, total=False)


class Period(_Period):
    attempts: int
    canceled: int
    delivered: int
    deliveries: int
    events: int
    failed: int
    refused: int
    repeated: int
    resent: int
    skipped: int
    start: str

_PollPage = TypedDict("_PollPage", {
    "gap": "StreamGap",
}, total=False)


class PollPage(_PollPage):
    cursor: str
    events: List["StreamEvent"]

_PortalLink = TypedDict("_PortalLink", {
    "hide": List[str],
    "returnUrl": str,
}, total=False)


class PortalLink(_PortalLink):
    createdBy: str
    expiresAt: str
    readOnly: bool
    ttl: str
    url: str

PortalLinkRequest = TypedDict("PortalLinkRequest", {
    "hide": List[str],
    "readOnly": bool,
    "returnUrl": str,
    "ttl": str,
}, total=False)

PortalRevoked = TypedDict("PortalRevoked", {
    "links": int,
    "sessions": int,
})

_Project = TypedDict("_Project", {
    "metadata": Dict[str, str],
    "preset": str,
    "rate": float,
    "relaySecret": str,
    "title": str,
    "uid": str,
}, total=False)


class Project(_Project):
    allowRequests: bool
    createdAt: str
    description: str
    eventTypes: List[str]
    format: str
    id: str
    modelEvents: bool
    name: str
    owner: str
    public: bool
    relay: str
    retention: str
    revision: int
    searchFields: List[str]
    updatedAt: str

ProjectOwner = TypedDict("ProjectOwner", {
    "owner": str,
})

_ProjectPage = TypedDict("_ProjectPage", {
    "cursor": str,
}, total=False)


class ProjectPage(_ProjectPage):
    projects: List["Project"]

ProjectPatch = TypedDict("ProjectPatch", {
    "allowRequests": Optional[bool],
    "description": Optional[str],
    "eventTypes": Union[List[str], str, None],
    "format": Optional[str],
    "metadata": Optional[Dict[str, str]],
    "modelEvents": Optional[bool],
    "preset": Optional[str],
    "public": Optional[bool],
    "rate": Optional[float],
    "relay": Optional[str],
    "relaySecret": Optional[str],
    "retention": Optional[str],
    "searchFields": Optional[List[str]],
    "title": Optional[str],
    "uid": Optional[str],
}, total=False)

ProjectTarget = TypedDict("ProjectTarget", {
    "name": str,
    "owner": str,
}, total=False)

_Publication = TypedDict("_Publication", {
    "channels": List[str],
    "id": str,
    "timestamp": str,
}, total=False)


class Publication(_Publication):
    data: Any
    type: str

PublicationItem = Union["Publication", "Notification"]

Publications = Union["Publication", "Notification", List["PublicationItem"]]

_QueueSource = TypedDict("_QueueSource", {
    "arguments": Dict[str, Any],
    "declare": bool,
    "exclusive": bool,
    "expect": str,
    "prefetch": int,
    "typeFrom": str,
}, total=False)


class QueueSource(_QueueSource):
    queue: str
    url: str

RabbitMQ = TypedDict("RabbitMQ", {
    "arguments": Dict[str, Any],
    "declare": bool,
    "exchange": str,
    "queue": str,
    "routingKey": str,
}, total=False)

_Receipt = TypedDict("_Receipt", {
    "duplicate": bool,
    "warning": str,
}, total=False)


class Receipt(_Receipt):
    deliveries: int
    id: str

Receipts = Union["Receipt", List["BatchReceipt"]]

RecheckRequest = TypedDict("RecheckRequest", {
    "all": bool,
    "ids": List[int],
}, total=False)

Rechecked = TypedDict("Rechecked", {
    "requests": List["RecheckedRequest"],
})

_RecheckedRequest = TypedDict("_RecheckedRequest", {
    "deliveries": int,
    "duplicate": bool,
    "eventId": str,
    "reason": str,
}, total=False)


class RecheckedRequest(_RecheckedRequest):
    id: int

_Refusal = TypedDict("_Refusal", {
    "base64": str,
    "header": Dict[str, List[str]],
    "text": str,
}, total=False)


class Refusal(_Refusal):
    id: int
    method: str
    reason: str
    remote: str
    size: int
    source: str
    target: str
    time: str
    whole: bool

Refusals = TypedDict("Refusals", {
    "refused": List["Refusal"],
})

Reopened = TypedDict("Reopened", {
    "deliveries": List[str],
})

_Replay = TypedDict("_Replay", {
    "approximate": bool,
    "hook": str,
    "hooks": Dict[str, int],
    "since": str,
    "state": str,
    "timeLeft": str,
    "type": str,
    "until": str,
}, total=False)


class Replay(_Replay):
    actor: str
    canceled: int
    createdAt: str
    delivered: int
    failed: int
    id: str
    opened: int
    queued: int
    seen: int
    sending: int
    skipped: int
    status: str
    total: int
    updatedAt: str

ReplayRequest = TypedDict("ReplayRequest", {
    "dryRun": bool,
    "hook": str,
    "since": str,
    "state": str,
    "type": str,
    "until": str,
}, total=False)

Replays = TypedDict("Replays", {
    "replays": List["Replay"],
})

RoleGrant = TypedDict("RoleGrant", {
    "role": str,
})

Rotation = TypedDict("Rotation", {
    "overlap": str,
    "secret": str,
}, total=False)

SearchFieldState = TypedDict("SearchFieldState", {
    "filled": int,
    "path": str,
    "progress": float,
    "ready": bool,
    "tooLarge": int,
})

SearchFields = TypedDict("SearchFields", {
    "fields": List["SearchFieldState"],
})

_ServerInfo = TypedDict("_ServerInfo", {
    "dev": bool,
}, total=False)


class ServerInfo(_ServerInfo):
    limits: "Limits"
    name: str
    time: str
    version: str

_Source = TypedDict("_Source", {
    "answer": "Answer",
    "dedupHeader": str,
    "eventType": str,
    "rabbitmq": "QueueSource",
    "rate": int,
    "scheme": Any,
    "secrets": List[str],
    "typeField": str,
    "typeHeader": str,
    "url": str,
}, total=False)


class Source(_Source):
    ack: str
    active: bool
    createdAt: str
    description: str
    name: str
    revision: int
    type: str
    updatedAt: str

SourcePatch = TypedDict("SourcePatch", {
    "ack": Optional[str],
    "active": Optional[bool],
    "answer": Union["Answer", None],
    "dedupHeader": Optional[str],
    "description": Optional[str],
    "eventType": Optional[str],
    "rabbitmq": Union["QueueSource", None],
    "rate": Optional[int],
    "scheme": Any,
    "secret": Optional[str],
    "secrets": Optional[List[str]],
    "type": Optional[str],
    "typeField": Optional[str],
    "typeHeader": Optional[str],
}, total=False)

_SourceType = TypedDict("_SourceType", {
    "secretHint": str,
    "setup": str,
}, total=False)


class SourceType(_SourceType):
    needsSecret: bool
    title: str
    type: str

SourceTypes = TypedDict("SourceTypes", {
    "types": List["SourceType"],
})

Sources = TypedDict("Sources", {
    "sources": List["Source"],
})

_Stats = TypedDict("_Stats", {
    "oldestWaiting": str,
}, total=False)


class Stats(_Stats):
    countedSince: str
    series: List["Period"]
    since: str
    step: str
    totals: "Figures"
    until: str
    waiting: int

_StreamEvent = TypedDict("_StreamEvent", {
    "base64": str,
    "body": Any,
    "bodyLeftOut": str,
    "channels": List[str],
    "data": Any,
    "deliveries": Dict[str, int],
    "duplicates": int,
    "gap": "StreamGap",
    "header": Dict[str, List[str]],
    "lastDuplicateAt": str,
    "method": str,
    "project": str,
    "remote": str,
    "target": str,
    "text": str,
    "uid": str,
    "verified": str,
    "warning": str,
}, total=False)


class StreamEvent(_StreamEvent):
    contentType: str
    cursor: str
    id: str
    size: int
    source: str
    time: str
    type: str

_StreamGap = TypedDict("_StreamGap", {
    "reset": bool,
}, total=False)


class StreamGap(_StreamGap):
    message: str
    missingFrom: str
    missingUntil: str
    missingUntilTime: str
    resumeAt: str

Timing = TypedDict("Timing", {
    "connect": str,
    "dns": str,
    "tls": str,
    "wait": str,
}, total=False)

_Token = TypedDict("_Token", {
    "expiresAt": str,
    "lastUsedAt": str,
    "project": str,
}, total=False)


class Token(_Token):
    createdAt: str
    id: str
    name: str
    scope: str
    user: str

TokenRequest = TypedDict("TokenRequest", {
    "expiresIn": str,
    "name": str,
    "project": str,
    "scope": str,
}, total=False)

Tokens = TypedDict("Tokens", {
    "tokens": List["Token"],
})

_User = TypedDict("_User", {
    "disabled": bool,
    "invitedUntil": str,
    "secondFactor": bool,
    "subject": str,
}, total=False)


class User(_User):
    admin: bool
    createdAt: str
    name: str

UserPatch = TypedDict("UserPatch", {
    "admin": bool,
    "disabled": bool,
    "name": str,
    "password": str,
    "revokeTokens": bool,
}, total=False)

UserToken = TypedDict("UserToken", {
    "webgmeToken": str,
})

Users = TypedDict("Users", {
    "users": List["User"],
})


class API(Base):
    """Has a method for each operation of the API."""

    def show_server(self) -> "ServerInfo":
        """What the server is.

        Open to all.
        """
        return self._call("GET", f"/", "json")

    def list_server_audit(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, actor: Optional[str] = None, action: Optional[str] = None, since: Optional[str] = None, until: Optional[str] = None, all: Optional[Literal["true", "false"]] = None) -> "AuditPage":
        """The audit log of the server: who changed what outside of projects.

        For administrators of the server.
        """
        return self._call("GET", f"/audit", "json", query={"limit": limit, "cursor": cursor, "actor": actor, "action": action, "since": since, "until": until, "all": all})

    def export_server_audit(self, *, actor: Optional[str] = None, action: Optional[str] = None, since: Optional[str] = None, until: Optional[str] = None, all: Optional[Literal["true", "false"]] = None, after: Optional[str] = None) -> Iterator[Any]:
        """The audit log of the server, the oldest entries first, one a line.

        To continue later, give the id of the last entry as after. On PostgreSQL entries of the last seconds are left to the next export. For administrators of the server.
        """
        return self._call("GET", f"/audit/export", "lines", query={"actor": actor, "action": action, "since": since, "until": until, "all": all, "after": after})

    def create_bin(self, body: Optional["BinSettings"] = None, *, key: Optional[str] = None, x_bin_key: Optional[str] = None) -> "Bin":
        """Create a bin: a throw-away URL; its key is shown once.

        For users who signed in.
        """
        return self._call("POST", f"/bins", "json", body=body, query={"key": key}, header={"X-Bin-Key": x_bin_key})

    def show_bin(self, bin: str, *, key: Optional[str] = None, x_bin_key: Optional[str] = None) -> "Bin":
        """A bin.

        Open to all.
        """
        return self._call("GET", f"/bins/{self._quote(bin)}", "json", query={"key": key}, header={"X-Bin-Key": x_bin_key})

    def remove_bin(self, bin: str, *, key: Optional[str] = None, x_bin_key: Optional[str] = None) -> None:
        """Delete a bin; needs its key.

        Open to all.
        """
        return self._call("DELETE", f"/bins/{self._quote(bin)}", "none", query={"key": key}, header={"X-Bin-Key": x_bin_key})

    def set_bin_answer(self, bin: str, body: Optional["BinSettings"] = None, *, key: Optional[str] = None, x_bin_key: Optional[str] = None) -> "Bin":
        """Change what a bin answers; needs its key.

        Open to all.
        """
        return self._call("PUT", f"/bins/{self._quote(bin)}/answer", "json", body=body, query={"key": key}, header={"X-Bin-Key": x_bin_key})

    def list_bin_requests(self, bin: str, *, key: Optional[str] = None, x_bin_key: Optional[str] = None) -> Optional[List["BinRequest"]]:
        """The requests to a bin, the newest first.

        Open to all.
        """
        return self._call("GET", f"/bins/{self._quote(bin)}/requests", "json", query={"key": key}, header={"X-Bin-Key": x_bin_key})

    def show_bin_request(self, bin: str, id: str, *, key: Optional[str] = None, x_bin_key: Optional[str] = None) -> "BinRequest":
        """A request to a bin.

        Open to all.
        """
        return self._call("GET", f"/bins/{self._quote(bin)}/requests/{self._quote(id)}", "json", query={"key": key}, header={"X-Bin-Key": x_bin_key})

    def show_bin_curl(self, bin: str, id: str, *, key: Optional[str] = None, x_bin_key: Optional[str] = None) -> bytes:
        """A request to a bin as a curl command.

        Open to all.
        """
        return self._call("GET", f"/bins/{self._quote(bin)}/requests/{self._quote(id)}/curl", "bytes", query={"key": key}, header={"X-Bin-Key": x_bin_key})

    def replay_bin_request(self, bin: str, id: str, body: Optional["BinTarget"] = None, *, key: Optional[str] = None, x_bin_key: Optional[str] = None) -> "BinReplay":
        """Send a request to a bin to a URL.

        For users who signed in.
        """
        return self._call("POST", f"/bins/{self._quote(bin)}/requests/{self._quote(id)}/replay", "json", body=body, query={"key": key}, header={"X-Bin-Key": x_bin_key})

    def create_bin_source(self, bin: str, body: Optional["BinSourceRequest"] = None, *, key: Optional[str] = None, x_bin_key: Optional[str] = None) -> "BinSource":
        """Create a source for the sender of a bin's requests.

        Depends on what is asked for.
        """
        return self._call("POST", f"/bins/{self._quote(bin)}/source", "json", body=body, query={"key": key}, header={"X-Bin-Key": x_bin_key})

    def search_events(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, find: Optional[str] = None, in_: Optional[Literal["fields", "bodies"]] = None, type: Optional[str] = None, source: Optional[str] = None, state: Optional[Literal["pending", "delivered", "failed", "skipped", "canceled"]] = None, since: Optional[str] = None, until: Optional[str] = None, id: Optional[str] = None, text: Optional[str] = None, path: Optional[str] = None, value: Optional[str] = None, fields: Optional[Dict[str, str]] = None) -> "EventPage":
        """Search the events of all projects that the caller may read.

        Events are in the order of their projects' paths, and in a project the newest first. Needs find, text, id or the value of a field. A search that takes too long answers with what it found, cut, and a cursor to go on. For users, and for guests where the server admits them.
        """
        return self._call("GET", f"/events", "json", query={"limit": limit, "cursor": cursor, "find": find, "in": in_, "type": type, "source": source, "state": state, "since": since, "until": until, "id": id, "text": text, "path": path, "value": value, "fields": fields})

    def list_limits(self) -> "Allowances":
        """The owners and projects for which limits are set.

        For administrators of the server.
        """
        return self._call("GET", f"/limits", "json")

    def list_nodes(self) -> "Nodes":
        """The nodes at the database, the longest running first.

        For administrators of the server.
        """
        return self._call("GET", f"/nodes", "json")

    def show_spec_json(self) -> Dict[str, Any]:
        """This description as JSON.

        Open to all.
        """
        return self._call("GET", f"/openapi.json", "json")

    def show_spec_yaml(self) -> bytes:
        """This description as YAML.

        Open to all.
        """
        return self._call("GET", f"/openapi.yaml", "bytes")

    def show_catalogue(self, owner: str) -> "Catalogue":
        """What an owner decides about its event types.

        off checks nothing. warn accepts events of unknown or archived types, and data that does not fit its type's schema, with a warning. strict refuses them with 422. Only published events are checked. For the owner and administrators of the server. For users who signed in.
        """
        return self._call("GET", f"/owners/{self._quote(owner)}/catalogue", "json")

    def set_catalogue(self, owner: str, body: Optional["CataloguePatch"] = None) -> "Catalogue":
        """Change what an owner decides about its event types.

        off checks nothing. warn accepts events of unknown or archived types, and data that does not fit its type's schema, with a warning. strict refuses them with 422. Only published events are checked. For the owner and administrators of the server. For users who signed in.
        """
        return self._call("PATCH", f"/owners/{self._quote(owner)}/catalogue", "json", body=body)

    def export_event_types(self, owner: str) -> Dict[str, Any]:
        """The event types of an owner as the webhooks of an OpenAPI 3.1 document.

        For the owner and administrators of the server. For users who signed in.
        """
        return self._call("GET", f"/owners/{self._quote(owner)}/catalogue/export", "json")

    def import_event_types(self, owner: str, body: Optional[Dict[str, Any]] = None, *, dry_run: Optional[Literal["true", "false"]] = None, replace: Optional[Literal["true", "false"]] = None) -> "EventTypeImport":
        """Create and update event types from an OpenAPI 3 or AsyncAPI 3 document.

        The body is the document, in JSON or YAML, of at most 5 MiB. Its webhooks or messages become event types, all or none; references must lead into the document itself. What it does not say of a type stays, and with replace=true types that it lacks are archived. For the owner and administrators of the server. For users who signed in.
        """
        return self._call("POST", f"/owners/{self._quote(owner)}/catalogue/import", "json", body=body, query={"dryRun": dry_run, "replace": replace})

    def list_event_types(self, owner: str, *, limit: Optional[int] = None, cursor: Optional[str] = None, archived: Optional[Literal["true", "false"]] = None) -> "EventTypePage":
        """The event types of an owner, by name.

        For the owner and administrators of the server. For users who signed in.
        """
        return self._call("GET", f"/owners/{self._quote(owner)}/event-types", "json", query={"limit": limit, "cursor": cursor, "archived": archived})

    def show_event_type(self, owner: str, name: str) -> "EventType":
        """An event type.

        For the owner and administrators of the server. For users who signed in.
        """
        return self._call("GET", f"/owners/{self._quote(owner)}/event-types/{self._quote(name)}", "json")

    def put_event_type(self, owner: str, name: str, body: Optional["EventTypePatch"] = None, *, revision: Optional[int] = None, if_match: Optional[str] = None, if_none_match: Optional[str] = None) -> "EventType":
        """Create an event type, or replace it.

        For the owner and administrators of the server. For users who signed in.
        """
        return self._call("PUT", f"/owners/{self._quote(owner)}/event-types/{self._quote(name)}", "json", body=body, query={"revision": revision}, header={"If-Match": if_match, "If-None-Match": if_none_match})

    def update_event_type(self, owner: str, name: str, body: Optional["EventTypePatch"] = None, *, revision: Optional[int] = None, if_match: Optional[str] = None) -> "EventType":
        """Change an event type; what is not named stays.

        For the owner and administrators of the server. For users who signed in.
        """
        return self._call("PATCH", f"/owners/{self._quote(owner)}/event-types/{self._quote(name)}", "json", body=body, query={"revision": revision}, header={"If-Match": if_match})

    def remove_event_type(self, owner: str, name: str, *, revision: Optional[int] = None, if_match: Optional[str] = None) -> None:
        """Delete an event type; its events stay.

        For the owner and administrators of the server. For users who signed in.
        """
        return self._call("DELETE", f"/owners/{self._quote(owner)}/event-types/{self._quote(name)}", "none", query={"revision": revision}, header={"If-Match": if_match})

    def show_owner_limits(self, owner: str) -> "Allowance":
        """What all projects of an owner together may use, and what they use.

        What is beyond a limit is refused with 429, Retry-After and the limit. Rates and listeners are counted by each node, all else by all nodes together. For users who signed in.
        """
        return self._call("GET", f"/owners/{self._quote(owner)}/limits", "json")

    def set_owner_limits(self, owner: str, body: Optional[Dict[str, Optional[int]]] = None) -> "Allowance":
        """Change limits of an owner.

        0 is no limit, null the server's default. What is not named stays. For administrators of the server.
        """
        return self._call("PATCH", f"/owners/{self._quote(owner)}/limits", "json", body=body)

    def show_look(self, owner: str) -> "Look":
        """How the portals of an owner's projects look.

        For users who signed in.
        """
        return self._call("GET", f"/owners/{self._quote(owner)}/look", "json")

    def set_look(self, owner: str, body: Optional["Look"] = None) -> "Look":
        """Set how the portals of an owner's projects look, and where they may be embedded.

        What is left out is hookyard's own look. Colours are changed where text could not be read. For users who signed in.
        """
        return self._call("PUT", f"/owners/{self._quote(owner)}/look", "json", body=body)

    def list_projects(self, *, limit: Optional[int] = None, cursor: Optional[str] = None) -> "ProjectPage":
        """Projects that the caller may read.

        For users, and for guests where the server admits them.
        """
        return self._call("GET", f"/projects", "json", query={"limit": limit, "cursor": cursor})

    def show_project(self, project: str) -> "Project":
        """A project.

        Depends on what is asked for.
        """
        return self._call("GET", f"/projects/{self._project(project)}", "json")

    def put_project(self, project: str, body: Optional["ProjectPatch"] = None, *, revision: Optional[int] = None, if_match: Optional[str] = None, if_none_match: Optional[str] = None) -> "Project":
        """Create a project, or replace its settings.

        Needs the role admin in the project; its owner has it.
        """
        return self._call("PUT", f"/projects/{self._project(project)}", "json", body=body, query={"revision": revision}, header={"If-Match": if_match, "If-None-Match": if_none_match})

    def update_project(self, project: str, body: Optional["ProjectPatch"] = None, *, revision: Optional[int] = None, if_match: Optional[str] = None) -> "Project":
        """Change a project's settings.

        Needs the role admin in the project; its owner has it.
        """
        return self._call("PATCH", f"/projects/{self._project(project)}", "json", body=body, query={"revision": revision}, header={"If-Match": if_match})

    def remove_project(self, project: str, *, revision: Optional[int] = None, if_match: Optional[str] = None) -> None:
        """Delete a project with everything in it.

        Needs the role admin in the project; its owner has it.
        """
        return self._call("DELETE", f"/projects/{self._project(project)}", "none", query={"revision": revision}, header={"If-Match": if_match})

    def list_audit(self, project: str, *, limit: Optional[int] = None, cursor: Optional[str] = None, actor: Optional[str] = None, action: Optional[str] = None, since: Optional[str] = None, until: Optional[str] = None) -> "AuditPage":
        """The audit log of a project: who changed what.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/audit", "json", query={"limit": limit, "cursor": cursor, "actor": actor, "action": action, "since": since, "until": until})

    def export_audit(self, project: str, *, actor: Optional[str] = None, action: Optional[str] = None, since: Optional[str] = None, until: Optional[str] = None, after: Optional[str] = None) -> Iterator[Any]:
        """The audit log of a project, the oldest entries first, one a line.

        To continue later, give the id of the last entry as after. On PostgreSQL entries of the last seconds are left to the next export. Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/audit/export", "lines", query={"actor": actor, "action": action, "since": since, "until": until, "after": after})

    def list_default_hooks(self, project: str) -> Dict[str, "Hook"]:
        """The hooks that every new project gets, by id.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/default-hooks", "json")

    def add_default_hooks(self, project: str) -> Dict[str, "Hook"]:
        """Add the default hooks that the project lacks; answers all its hooks.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/default-hooks", "json")

    def list_deliveries(self, project: str, *, limit: Optional[int] = None, cursor: Optional[str] = None, hook: Optional[str] = None, event: Optional[str] = None, replay: Optional[str] = None, state: Optional[Literal["pending", "delivered", "failed", "skipped", "canceled"]] = None, since: Optional[str] = None, until: Optional[str] = None) -> "DeliveryPage":
        """List deliveries, those of the newest event first.

        With replay, state is what became of the deliveries in that replay. Those that a later replay sent again are in its list. Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/deliveries", "json", query={"limit": limit, "cursor": cursor, "hook": hook, "event": event, "replay": replay, "state": state, "since": since, "until": until})

    def show_delivery(self, project: str, id: str) -> "Delivery":
        """A delivery with its attempts.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/deliveries/{self._quote(id)}", "json")

    def cancel_delivery(self, project: str, id: str) -> "Delivery":
        """End a pending delivery.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/deliveries/{self._quote(id)}/cancel", "json")

    def retry_delivery(self, project: str, id: str) -> "Delivery":
        """Send a delivery again at once.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/deliveries/{self._quote(id)}/retry", "json")

    def duplicate_project(self, project: str, body: Optional["ProjectTarget"] = None) -> "Project":
        """Copy settings, hooks and sources to another owner or name.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/duplicate", "json", body=body)

    def list_inherited_types(self, project: str, *, limit: Optional[int] = None, cursor: Optional[str] = None, archived: Optional[Literal["true", "false"]] = None) -> "EventTypePage":
        """The event types that a project inherits from its owner.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/event-types", "json", query={"limit": limit, "cursor": cursor, "archived": archived})

    def show_inherited_type(self, project: str, name: str) -> "EventType":
        """An event type that a project inherits from its owner.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/event-types/{self._quote(name)}", "json")

    def show_event_example(self, project: str, name: str) -> "EventExample":
        """An example of an event of a type, as it would be published.

        Without an example of its own the type gets one that is made from its schema. Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/event-types/{self._quote(name)}/example", "json")

    def list_events(self, project: str, *, limit: Optional[int] = None, cursor: Optional[str] = None, type: Optional[str] = None, channel: Optional[str] = None, source: Optional[str] = None, hook: Optional[str] = None, state: Optional[Literal["pending", "delivered", "failed", "skipped", "canceled"]] = None, since: Optional[str] = None, until: Optional[str] = None, id: Optional[str] = None, text: Optional[str] = None, path: Optional[str] = None, value: Optional[str] = None, find: Optional[str] = None, in_: Optional[Literal["fields", "bodies"]] = None, fields: Optional[Dict[str, str]] = None) -> "EventPage":
        """List and search events, the newest first.

        A search that takes too long answers with what it found, cut, and a cursor to go on. Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/events", "json", query={"limit": limit, "cursor": cursor, "type": type, "channel": channel, "source": source, "hook": hook, "state": state, "since": since, "until": until, "id": id, "text": text, "path": path, "value": value, "find": find, "in": in_, "fields": fields})

    def publish(self, project: str, body: "Publications", *, idempotency_key: Optional[str] = None) -> "Receipts":
        """Publish one event or a list of them, or CloudEvents in any of the three modes.

        A list is answered with a list of receipts. CloudEvents in binary mode have ce- headers and any body. Needs the role write in the project, usually with a token of scope publish; without credentials the answer is 401.
        """
        return self._call("POST", f"/projects/{self._project(project)}/events", "json", body=body, header={"Idempotency-Key": idempotency_key})

    def erase_events(self, project: str, *, limit: Optional[int] = None, cursor: Optional[str] = None, type: Optional[str] = None, channel: Optional[str] = None, source: Optional[str] = None, hook: Optional[str] = None, state: Optional[Literal["pending", "delivered", "failed", "skipped", "canceled"]] = None, since: Optional[str] = None, until: Optional[str] = None, id: Optional[str] = None, text: Optional[str] = None, path: Optional[str] = None, value: Optional[str] = None, find: Optional[str] = None, in_: Optional[Literal["fields", "bodies"]] = None, fields: Optional[Dict[str, str]] = None, all: Optional[Literal["true", "false"]] = None, dry_run: Optional[Literal["true", "false"]] = None) -> "Erased":
        """Erase the events that a search selects, with all that is kept of them.

        A search that selects nothing needs all=true. One request erases at most limit events; while the answer has a cursor, others may be left. Pending deliveries are canceled. An event that comes again is still recognised as a duplicate. Needs the role admin in the project; its owner has it.
        """
        return self._call("DELETE", f"/projects/{self._project(project)}/events", "json", query={"limit": limit, "cursor": cursor, "type": type, "channel": channel, "source": source, "hook": hook, "state": state, "since": since, "until": until, "id": id, "text": text, "path": path, "value": value, "find": find, "in": in_, "fields": fields, "all": all, "dryRun": dry_run})

    def show_event(self, project: str, id: str) -> "Event":
        """An event with header and body.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/events/{self._quote(id)}", "json")

    def erase_event(self, project: str, id: str) -> "Erased":
        """Erase an event with all that is kept of it.

        Pending deliveries are canceled. An event that comes again is still recognised as a duplicate. Needs the role admin in the project; its owner has it.
        """
        return self._call("DELETE", f"/projects/{self._project(project)}/events/{self._quote(id)}", "json")

    def show_event_body(self, project: str, id: str) -> bytes:
        """The bytes of an event as they came.

        The Content-Type is the sender's. Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/events/{self._quote(id)}/body", "bytes")

    def explain_event(self, project: str, id: str) -> "Explanation":
        """Why each hook did or did not get an event.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/events/{self._quote(id)}/explain", "json")

    def replay_event(self, project: str, id: str, body: Optional["EventReplay"] = None) -> "Reopened":
        """Send an event again, to some hooks or to all it was for.

        With dryRun nothing is sent: the answer is 200 with the deliveries that would be. Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/events/{self._quote(id)}/replay", "json", body=body)

    def sign_event(self, project: str, id: str, body: Optional["EventSigning"] = None) -> "EventSignature":
        """Sign an event as its provider would now, for a receiver that refuses old signatures.

        The source's secret is not shown. 400 if the provider signs in a way that only it can. Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/events/{self._quote(id)}/sign", "json", body=body)

    def show_feature(self, project: str, feature: str) -> "Feature":
        """A feature that hooks can track, as NetBeans' payloads link to it.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/features/{self._quote(feature)}", "json")

    def list_hooks(self, project: str) -> Dict[str, "Hook"]:
        """The project's hooks by id.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/hooks", "json")

    def show_hook(self, project: str, id: str) -> "Hook":
        """A hook.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/hooks/{self._quote(id)}", "json")

    def create_hook(self, project: str, id: str, body: Optional["HookPatch"] = None) -> "Hook":
        """Create a hook; 403 when there is one of that id.

        Needs the role write in the project.
        """
        return self._call("PUT", f"/projects/{self._project(project)}/hooks/{self._quote(id)}", "json", body=body)

    def update_hook(self, project: str, id: str, body: Optional["HookPatch"] = None, *, revision: Optional[int] = None, if_match: Optional[str] = None) -> "Hook":
        """Change a hook; what is not named stays.

        Needs the role write in the project.
        """
        return self._call("PATCH", f"/projects/{self._project(project)}/hooks/{self._quote(id)}", "json", body=body, query={"revision": revision}, header={"If-Match": if_match})

    def remove_hook(self, project: str, id: str, *, revision: Optional[int] = None, if_match: Optional[str] = None) -> Dict[str, "Hook"]:
        """Delete a hook; answers those that are left.

        Needs the role write in the project.
        """
        return self._call("DELETE", f"/projects/{self._project(project)}/hooks/{self._quote(id)}", "json", query={"revision": revision}, header={"If-Match": if_match})

    def enable_hook(self, project: str, id: str) -> "Hook":
        """Switch a hook on and forget its failures.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/hooks/{self._quote(id)}/enable", "json")

    def rotate_hook_secret(self, project: str, id: str, body: Optional["Rotation"] = None) -> "NewSecret":
        """Set a new secret; the old one signs along for a while.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/hooks/{self._quote(id)}/rotate-secret", "json", body=body)

    def show_hook_stats(self, project: str, id: str, *, since: Optional[str] = None, until: Optional[str] = None, step: Optional[Literal["minute", "hour", "day"]] = None) -> "Stats":
        """Figures of a hook.

        Figures are exact and cost the same however many events there are. Those by the minute are kept for 2 days, by the hour for 60 days, by the day for 2 years. Periods begin at multiples of the step in UTC. Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/hooks/{self._quote(id)}/stats", "json", query={"since": since, "until": until, "step": step})

    def test_hook(self, project: str, id: str, body: Optional["HookTestRequest"] = None) -> "HookTest":
        """Send an event of type test, or an example of a type of the catalogue, to this hook only.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/hooks/{self._quote(id)}/test", "json", body=body)

    def show_project_limits(self, project: str) -> "Allowance":
        """What the project may use, and what it uses.

        What is beyond a limit is refused with 429, Retry-After and the limit. Rates and listeners are counted by each node, all else by all nodes together. Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/limits", "json")

    def set_project_limits(self, project: str, body: Optional[Dict[str, Optional[int]]] = None) -> "Allowance":
        """Change limits of the project, as an administrator of the server.

        0 is no limit, null the server's default. What is not named stays. Needs the role admin in the project; its owner has it.
        """
        return self._call("PATCH", f"/projects/{self._project(project)}/limits", "json", body=body)

    def put_listener(self, project: str, id: str, body: Optional["Listener"] = None) -> "Hook":
        """Create or renew the hook of a listener that forwards events by itself; it lives for two minutes.

        Needs the role write in the project.
        """
        return self._call("PUT", f"/projects/{self._project(project)}/listeners/{self._quote(id)}", "json", body=body)

    def remove_listener(self, project: str, id: str) -> None:
        """End a listener's hook; what it recorded stays.

        Needs the role write in the project.
        """
        return self._call("DELETE", f"/projects/{self._project(project)}/listeners/{self._quote(id)}", "none")

    def record_forwarded(self, project: str, id: str, body: Optional["Forwarded"] = None) -> "Delivery":
        """Record what a listener's URL answered to an event.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/listeners/{self._quote(id)}/attempts", "json", body=body)

    def list_members(self, project: str) -> "Members":
        """Who has a role in the project.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/members", "json")

    def set_member(self, project: str, user: str, body: Optional["RoleGrant"] = None) -> "Member":
        """Give a role to a user, or to a group of the OpenID provider (group:NAME).

        Needs the role admin in the project; its owner has it.
        """
        return self._call("PUT", f"/projects/{self._project(project)}/members/{self._quote(user)}", "json", body=body)

    def remove_member(self, project: str, user: str) -> None:
        """Remove the role of a user or group.

        Needs the role admin in the project; its owner has it.
        """
        return self._call("DELETE", f"/projects/{self._project(project)}/members/{self._quote(user)}", "none")

    def poll_events(self, project: str, *, after: Optional[str] = None, since: Optional[str] = None, type: Optional[str] = None, source: Optional[str] = None, filter: Optional[str] = None, wait: Optional[str] = None, limit: Optional[int] = None, last_event_id: Optional[str] = None) -> "PollPage":
        """The next events after a cursor, waiting for them if need be.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/poll", "json", query={"after": after, "since": since, "type": type, "source": source, "filter": filter, "wait": wait, "limit": limit}, header={"Last-Event-ID": last_event_id})

    def create_portal_link(self, project: str, body: Optional["PortalLinkRequest"] = None) -> "PortalLink":
        """Create a link by which a customer manages the hooks of the project.

        The link opens the portal once. The session that it starts ends on sign-out, after ttl, or when the links are revoked. Needs the role admin in the project; its owner has it.
        """
        return self._call("POST", f"/projects/{self._project(project)}/portal-links", "json", body=body)

    def revoke_portal(self, project: str) -> "PortalRevoked":
        """Revoke all links to the portal of the project, and end its sessions.

        Needs the role admin in the project; its owner has it.
        """
        return self._call("DELETE", f"/projects/{self._project(project)}/portal-links", "json")

    def list_replays(self, project: str, *, limit: Optional[int] = None) -> "Replays":
        """Bulk replays, the newest first.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/replays", "json", query={"limit": limit})

    def create_replay(self, project: str, body: Optional["ReplayRequest"] = None) -> "Replay":
        """Start a bulk replay.

        With dryRun nothing is started: the answer is 200 with a replay of status planned, the deliveries that it would open for each hook, and an estimate of the time. Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/replays", "json", body=body)

    def show_replay(self, project: str, id: str) -> "Replay":
        """A bulk replay with its progress.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/replays/{self._quote(id)}", "json")

    def cancel_replay(self, project: str, id: str) -> "Replay":
        """Stop a bulk replay; what is not sent goes back to what it was.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/replays/{self._quote(id)}/cancel", "json")

    def list_search_fields(self, project: str) -> "SearchFields":
        """How far the project's search fields have been filled in.

        A new field is filled in with the events that there are. Until it is ready, searches for its values read bodies. Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/search-fields", "json")

    def list_sources(self, project: str) -> "Sources":
        """The project's sources.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/sources", "json")

    def show_source(self, project: str, name: str) -> "Source":
        """A source.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/sources/{self._quote(name)}", "json")

    def put_source(self, project: str, name: str, body: Optional["SourcePatch"] = None, *, revision: Optional[int] = None, if_match: Optional[str] = None, if_none_match: Optional[str] = None) -> "Source":
        """Create a source, or replace it.

        Needs the role write in the project.
        """
        return self._call("PUT", f"/projects/{self._project(project)}/sources/{self._quote(name)}", "json", body=body, query={"revision": revision}, header={"If-Match": if_match, "If-None-Match": if_none_match})

    def update_source(self, project: str, name: str, body: Optional["SourcePatch"] = None, *, revision: Optional[int] = None, if_match: Optional[str] = None) -> "Source":
        """Change a source; what is not named stays.

        Needs the role write in the project.
        """
        return self._call("PATCH", f"/projects/{self._project(project)}/sources/{self._quote(name)}", "json", body=body, query={"revision": revision}, header={"If-Match": if_match})

    def remove_source(self, project: str, name: str, *, revision: Optional[int] = None, if_match: Optional[str] = None) -> None:
        """Delete a source; its events stay.

        Needs the role write in the project.
        """
        return self._call("DELETE", f"/projects/{self._project(project)}/sources/{self._quote(name)}", "none", query={"revision": revision}, header={"If-Match": if_match})

    def list_refused(self, project: str, name: str, *, limit: Optional[int] = None) -> "Refusals":
        """Requests that were not accepted, and why.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/sources/{self._quote(name)}/refused", "json", query={"limit": limit})

    def recheck_refused(self, project: str, name: str, body: Optional["RecheckRequest"] = None) -> "Rechecked":
        """Check refused requests again, and accept those that pass now.

        They are checked with the secrets that the source has now and the time at which each came. What passes is accepted as if it had just come, and leaves the list. Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/sources/{self._quote(name)}/refused/recheck", "json", body=body)

    def rotate_source_secret(self, project: str, name: str, body: Optional["Rotation"] = None) -> "NewSecret":
        """Set a new secret; the old one is good for a while.

        Needs the role write in the project.
        """
        return self._call("POST", f"/projects/{self._project(project)}/sources/{self._quote(name)}/rotate-secret", "json", body=body)

    def show_stats(self, project: str, *, since: Optional[str] = None, until: Optional[str] = None, step: Optional[Literal["minute", "hour", "day"]] = None) -> "Stats":
        """Figures of a project: events, deliveries, attempts, latency, what waits.

        Figures are exact and cost the same however many events there are. Those by the minute are kept for 2 days, by the hour for 60 days, by the day for 2 years. Periods begin at multiples of the step in UTC. Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/stats", "json", query={"since": since, "until": until, "step": step})

    def stream_events(self, project: str, *, after: Optional[str] = None, since: Optional[str] = None, type: Optional[str] = None, source: Optional[str] = None, filter: Optional[str] = None, format: Optional[Literal["sse", "ndjson"]] = None, last_event_id: Optional[str] = None) -> Iterator[Any]:
        """Events as they come: SSE, NDJSON or WebSocket.

        Needs the role read in the project, or that it is public.
        """
        return self._call("GET", f"/projects/{self._project(project)}/stream", "lines", query={"after": after, "since": since, "type": type, "source": source, "filter": filter, "format": format}, header={"Last-Event-ID": last_event_id})

    def list_project_tokens(self, project: str) -> "Tokens":
        """Everybody's tokens that are bound to the project.

        Needs the role admin in the project; its owner has it.
        """
        return self._call("GET", f"/projects/{self._project(project)}/tokens", "json")

    def remove_project_token(self, project: str, id: str) -> None:
        """Revoke a token that is bound to the project, whoever's it is.

        Needs the role admin in the project; its owner has it.
        """
        return self._call("DELETE", f"/projects/{self._project(project)}/tokens/{self._quote(id)}", "none")

    def transfer_project(self, project: str, body: Optional["ProjectOwner"] = None) -> "Project":
        """Give a project to another owner.

        Needs the role admin in the project; its owner has it.
        """
        return self._call("POST", f"/projects/{self._project(project)}/transfer", "json", body=body)

    def show_key_rotation(self) -> "KeyRotation":
        """How far the change of the key of secrets is, or the last one was.

        For administrators of the server.
        """
        return self._call("GET", f"/secret-key", "json")

    def rotate_key(self) -> "KeyRotation":
        """Encrypt all secrets with a new key, while the nodes run.

        The server makes the key, unless it has another one already. If a change is under way, that one continues. For administrators of the server.
        """
        return self._call("POST", f"/secret-key/rotate", "json")

    def list_source_types(self) -> "SourceTypes":
        """The ways to verify a sender.

        Open to all.
        """
        return self._call("GET", f"/source-types", "json")

    def list_tokens(self, *, all: Optional[Literal["true", "false"]] = None) -> "Tokens":
        """The caller's tokens, or with all=true everybody's, for administrators.

        For users who signed in.
        """
        return self._call("GET", f"/tokens", "json", query={"all": all})

    def create_token(self, body: Optional["TokenRequest"] = None) -> "NewToken":
        """Create a token; its secret is shown once.

        For users who signed in.
        """
        return self._call("POST", f"/tokens", "json", body=body)

    def remove_token(self, id: str) -> None:
        """Revoke a token: one's own, or anybody's as an administrator.

        For users who signed in.
        """
        return self._call("DELETE", f"/tokens/{self._quote(id)}", "none")

    def show_current_user(self) -> "CurrentUser":
        """Who the caller is.

        For users, and for guests where the server admits them.
        """
        return self._call("GET", f"/user", "json")

    def make_user_token(self) -> "UserToken":
        """Create a token that manages everything its user may, for 7 days.

        For users, and for guests where the server admits them.
        """
        return self._call("GET", f"/user/token", "json")

    def list_users(self) -> "Users":
        """All users.

        For administrators of the server.
        """
        return self._call("GET", f"/users", "json")

    def create_user(self, body: Optional["UserPatch"] = None) -> "User":
        """Create a user.

        For administrators of the server.
        """
        return self._call("POST", f"/users", "json", body=body)

    def update_user(self, user: str, body: Optional["UserPatch"] = None) -> "User":
        """Change a user.

        For administrators of the server.
        """
        return self._call("PATCH", f"/users/{self._quote(user)}", "json", body=body)

    def remove_user(self, user: str) -> None:
        """Delete a user; projects stay.

        For administrators of the server.
        """
        return self._call("DELETE", f"/users/{self._quote(user)}", "none")

    def invite_user(self, user: str) -> "Invitation":
        """Create the link by which a user without a password chooses one.

        It works once and for a day, and replaces the user's last link. For administrators of the server.
        """
        return self._call("POST", f"/users/{self._quote(user)}/invite", "json")

    def reset_factors(self, user: str) -> None:
        """Remove the second factors of a user who has lost them.

        The user's sessions end. The password alone signs in until the user sets up another factor. For administrators of the server.
        """
        return self._call("DELETE", f"/users/{self._quote(user)}/second-factor", "none")
