// Updates lists from HTML of the server. Only the parts that differ from the HTML received before are changed in the page,
// so that the selection, the focus and open details stay. The comparison uses the received HTML, because the page differs
// from it: times are in the viewer's time zone, details are open, a row is selected.

const received = new WeakMap(); // list -> map from key to the element in the page and as received

for (const list of document.querySelectorAll("[data-poll], .live[data-stream]")) {
  const rows = rowsOf(list);
  received.set(rows, new Map([...rows.children].map((row, i) => [keyOf(row, i), { here: row, was: asReceived(row) }])));
}

/** Returns the element whose children are the rows of a list. */
export function rowsOf(list) {
  return list.querySelector(":scope > tbody") ?? list;
}

function keyOf(row, i) {
  return row.id || `${i} ${row.tagName}`;
}

function asReceived(row) {
  const copy = row.cloneNode(true);
  for (const d of [copy, ...copy.querySelectorAll("details")]) d.removeAttribute("open");
  return copy;
}

/** Updates a list to the HTML and returns whether that changed anything. */
export function sync(rows, html) {
  const fresh = document.createElement("template");
  const table = rows.matches("tbody");
  fresh.innerHTML = table ? `<table><tbody>${html}</tbody></table>` : html; // part of our own page, escaped by the server
  const come = [...(table ? fresh.content.querySelector("tbody") : fresh.content).children];
  const before = received.get(rows), now = arrange(rows, before, come);
  received.set(rows, now);
  const changed = before.size !== now.size || [...now].some(([key, { was }]) => !before.get(key)?.was.isEqualNode(was));
  rows.dataset.looks = Number(rows.dataset.looks ?? 0) + 1;
  if (changed) rows.dispatchEvent(new CustomEvent("hookyard:rows", { bubbles: true }));
  return changed;
}

// arrange updates the rows to the received ones, and returns them by key.
function arrange(rows, before, come) {
  const now = new Map(), keys = new Set(come.map(keyOf));
  for (const [key, { here }] of before) {
    if (!keys.has(key)) here.remove();
  }
  let at = rows.firstElementChild;
  for (const [i, row] of come.entries()) {
    const key = keyOf(row, i), old = before.get(key), is = asReceived(row);
    let here = row;
    if (old) {
      here = update(old.here, old.was, is, row);
      if (at === old.here) at = here;
    } else {
      row.classList.add("new");
    }
    now.set(key, { here, was: is });
    if (here === at) at = at.nextElementSibling;
    else rows.insertBefore(here, at);
  }
  return now;
}

// update changes the smallest parts of here in which the received elements was and is differ, and returns the element that
// is now in its place. row is the new element including the open attributes.
function update(here, was, is, row) {
  if (was.isEqualNode(is)) return here;
  const parts = here.children;
  if (parts.length === was.children.length && named(was) && named(is) && was.cloneNode(false).isEqualNode(is.cloneNode(false))) {
    arrange(here, new Map([...was.children].map((part, i) => [part.id, { here: parts[i], was: part }])), [...row.children]);
    return here;
  }
  if (sameFrame(was, is) && parts.length === was.children.length && parts.length > 0) {
    for (const [i, part] of [...parts].entries()) update(part, was.children[i], is.children[i], row.children[i]);
    return here;
  }
  const next = row.cloneNode(true);
  next.classList.toggle("here", here.classList.contains("here"));
  if (!next.className) next.removeAttribute("class");
  if (here.matches("details")) next.open = here.open;
  const can = "a, button, summary, input, select, textarea";
  const focused = here.contains(document.activeElement) ? [...here.querySelectorAll(can)].indexOf(document.activeElement) : -1;
  here.replaceWith(next);
  next.querySelectorAll(can)[focused]?.focus({ preventScroll: true });
  return next;
}

// named returns whether all children of an element have ids, like the rows of a list.
function named(e) {
  return e.children.length > 0 && [...e.children].every((part) => part.id);
}

// sameFrame returns whether two elements are equal except within their children.
function sameFrame(a, b) {
  const words = (e) => [...e.childNodes].map((n) => (n.nodeType === Node.TEXT_NODE ? n.data.trim() : n.nodeName)).filter((w) => w !== "").join("\n");
  return a.cloneNode(false).isEqualNode(b.cloneNode(false)) && words(a) === words(b);
}

/** Tells the user that the session has ended, if status says so. Returns whether it does. */
export function signedOut(status) {
  if (status !== 401 && status !== 403) return false;
  if (document.getElementById("signed-out")) return true;
  const said = document.createElement("p");
  said.id = "signed-out";
  said.className = "problem";
  said.setAttribute("role", "alert");
  const link = document.createElement("a");
  const top = document.querySelector(".brand").pathname.replace(/\/$/, "");
  link.href = top + "/login?next=" + encodeURIComponent(location.pathname.slice(top.length) + location.search);
  link.textContent = "Sign in";
  said.append(status === 401 ? "You are signed out, so this page no longer updates. " : "You can no longer see this page. You may be signed out. ", link);
  document.getElementById("main").prepend(said);
  return true;
}
