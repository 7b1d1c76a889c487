"""Requests, errors and repeats: what all operations have in common."""

from __future__ import annotations

import email.utils
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any, Callable, Dict, Iterator, Optional

# Statuses after which a request is made again. They say that nothing was done.
_AGAIN = (429, 502, 503, 504)


class HookyardError(Exception):
    """An answer other than 2xx.

    status is the HTTP status, code a word such as "not_found", field the setting that is wrong, retry_after the
    seconds after which the server wants to be asked again, and body the whole answer. Each may be None.
    """

    def __init__(self, status: int, text: str, body: Optional[Dict[str, Any]], retry_after: Optional[float]) -> None:
        super().__init__(text)
        self.status = status
        self.body = body or {}
        self.code: Optional[str] = self.body.get("code")
        self.field: Optional[str] = self.body.get("field")
        self.retry_after = retry_after


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keeps the token at the server that it was meant for."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Base:
    """A connection to a server."""

    def __init__(self, url: str, token: str = "", *, timeout: float = 30, retries: int = 3,
                 user_agent: str = "hookyard-python") -> None:
        """url is the server's, such as https://hooks.example.com.

        timeout is in seconds and bounds connecting and each wait for data. Requests that may be made twice are
        repeated up to retries times after errors that pass.
        """
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is no URL of a server, such as https://hooks.example.com")
        self._url = url.rstrip("/") + "/api"
        self._timeout = timeout
        self._retries = retries
        self._headers = {"User-Agent": user_agent}
        if token:
            self._headers["Authorization"] = "Bearer " + token.strip()
        self._opener = urllib.request.build_opener(_NoRedirects)

    def iterate(self, list_method: Callable[..., Any], *args: Any, **query: Any) -> Iterator[Any]:
        """Yields the entries of all pages of a list: iterate(client.list_events, "shop/orders", type="order.*")."""
        while True:
            page = list_method(*args, **query)
            for value in page.values():
                if isinstance(value, list):
                    yield from value
                    break
            if not page.get("cursor"):
                return
            query["cursor"] = page["cursor"]

    @staticmethod
    def _quote(text: str) -> str:
        return urllib.parse.quote(text, safe="")

    def _project(self, project: str) -> str:
        owner, slash, name = project.partition("/")
        if not owner or not slash or not name or "/" in name:
            raise ValueError(f"project {project!r}: use owner/name")
        return self._quote(owner) + "/" + self._quote(name)

    def _call(self, method: str, path: str, kind: str, *, body: Any = None, query: Optional[Dict[str, Any]] = None,
              header: Optional[Dict[str, Any]] = None) -> Any:
        headers = dict(self._headers)
        safe = method == "GET"
        for name, value in (header or {}).items():
            if name == "Idempotency-Key":  # with it the server recognises what comes again
                value = value or uuid.uuid4().hex
                safe = True
            if value is not None:
                headers[name] = str(value)
        if kind == "lines":
            headers["Accept"] = "application/x-ndjson"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(self._url + path + _query(query or {}), data, headers, method=method)
        response = self._repeat(request, self._retries if safe else 0)
        if kind == "lines":
            return _lines(response)
        with response:
            content = response.read()
        if kind == "json":
            return json.loads(content)
        return content if kind == "bytes" else None

    def _repeat(self, request: urllib.request.Request, retries: int) -> Any:
        for n in range(retries + 1):
            try:
                return self._opener.open(request, timeout=self._timeout)
            except urllib.error.HTTPError as e:
                error = _error(e)
                if n == retries or e.code not in _AGAIN:
                    raise error from None
                wait = error.retry_after
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if n == retries:
                    raise
                wait = None
            time.sleep(min(wait if wait is not None else 0.1 * 2 ** n * (1 + random.random()), 60))
        raise AssertionError


def _query(values: Dict[str, Any]) -> str:
    pairs = []
    for name, value in values.items():
        if isinstance(value, dict):  # fields={"field.data.order.id": "4711"}
            pairs += value.items()
        elif isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif value is not None:
            pairs.append((name, value))
    return "?" + urllib.parse.urlencode(pairs) if pairs else ""


def _lines(response: Any) -> Iterator[Any]:
    with response:
        for line in response:
            if line.strip():
                yield json.loads(line)


def _error(e: urllib.error.HTTPError) -> HookyardError:
    with e:
        content = e.read(1 << 20)
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = None
    text = str((body or {}).get("error") or content[:200].decode(errors="replace") or e.reason)
    after = e.headers.get("Retry-After")
    seconds: Optional[float] = None
    if after:
        try:
            seconds = float(after)
        except ValueError:
            when = email.utils.parsedate_to_datetime(after)
            seconds = max(0.0, when.timestamp() - time.time())
    return HookyardError(e.code, f"{e.code}: {text}", body, seconds)
