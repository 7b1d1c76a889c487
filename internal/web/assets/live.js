// Live rows. A stream signals new events. The rows are then requested from the page itself, so they are the same with and
// without this script. If there is no stream, the page is polled every few seconds.

import { rowsOf, signedOut, sync } from "./rows.js";

const table = document.querySelector("table.live[data-stream]");
const light = document.getElementById("light");
const pause = document.getElementById("pause");

if (table) start();

function start() {
  const rows = rowsOf(table);
  let paused = false, busy = false, again = false, source = null, poll = 0;

  const say = (text, kind) => {
    light.textContent = text;
    light.className = "light " + kind;
  };

  async function look() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const url = new URL(table.dataset.rows || location.href, location.href);
      url.searchParams.set("part", "rows");
      const answer = await fetch(url);
      if (signedOut(answer.status)) return leave();
      if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
      if (!paused) show(await answer.text());
    } catch {
      say("reconnecting", "gap");
    }
    busy = false;
    if (again) {
      again = false;
      setTimeout(look, 150);
    }
  }

  function show(html) {
    sync(rows, html);
    document.getElementById("nothing")?.toggleAttribute("hidden", rows.rows.length > 0);
  }

  function every(ms) {
    clearInterval(poll);
    poll = setInterval(() => document.hidden || paused || look(), ms);
  }

  function leave() {
    source.close();
    clearInterval(poll);
    pause.hidden = true;
    say("signed out", "gap");
  }

  function connect() {
    source = new EventSource(table.dataset.stream);
    source.onopen = () => {
      say("live", "on");
      every(5000); // for the states of deliveries
      look();
    };
    const came = () => paused || look();
    source.onmessage = came;
    source.addEventListener("event", came);
    source.onerror = () => {
      const closed = source.readyState === EventSource.CLOSED;
      say(closed ? "polling every 2 s" : "reconnecting", closed ? "on" : "gap");
      every(2000);
    };
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    pause.textContent = paused ? "Resume" : "Pause";
    if (paused) say("paused", "gap");
    else {
      say("live", "on");
      look();
    }
  });
  connect();
}
