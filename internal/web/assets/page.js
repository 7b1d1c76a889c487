// What every page has: times in the viewer's zone, copy buttons, previews while typing.

import { rowsOf, signedOut, sync } from "./rows.js";

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const today = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** Shows the times within a part of the page in the viewer's zone, with UTC on hover. */
function localTimes(root) {
  const day = new Date().toDateString();
  for (const t of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(t.dateTime);
    t.title = t.textContent;
    t.textContent = at.toDateString() === day ? today.format(at) : clock.format(at);
  }
}

localTimes(document);
document.addEventListener("hookyard:rows", (e) => localTimes(e.target));

document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.body.appendChild(document.createElement("textarea"));
    area.value = text;
    area.select();
    done = document.execCommand("copy");
    area.remove();
  }
  const said = button.textContent;
  button.textContent = done ? "Copied" : "Select and copy it";
  setTimeout(() => (button.textContent = said), 1500);
});

// On a phone the tabs scroll; the one that is shown must be seen.
const tab = document.querySelector(".tabs [aria-current]");
if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - 40;

// What is asked for again: how far a replay is, what came to a bin, what became of a delivery. Where nothing changes the
// questions grow rare; where it says while, they end with what is under way.
const polled = document.querySelector("[data-poll]");
if (polled) {
  const rows = rowsOf(polled);
  const often = 1000, rare = polled.dataset.while ? 15000 : often;
  let pause = often;
  const look = async () => {
    if (polled.dataset.while && !rows.querySelector(polled.dataset.while)) return;
    if (!document.hidden) {
      const answer = await fetch(polled.dataset.poll).catch(() => ({ ok: false })); // the server comes back
      if (signedOut(answer.status) || answer.status === 404) return; // or it was deleted
      if (answer.ok) pause = sync(rows, await answer.text()) ? often : Math.min(pause * 1.5, rare);
    }
    setTimeout(look, pause);
  };
  setTimeout(look, often);
}

// What needs scripts is hidden until here.
document.documentElement.classList.add("scripts");

// Times that somebody types are in their zone, as those that are shown. Empty fields stay out of addresses.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const form of document.forms) {
  const times = form.matches("[data-times]");
  for (const said of form.querySelectorAll("[data-zone]")) said.textContent = "your time";
  form.addEventListener("formdata", (e) => {
    if (form.method === "get") {
      for (const [name, value] of [...e.formData]) {
        if (value === "") e.formData.delete(name);
      }
    }
    if (times && zone && (e.formData.get("since") || e.formData.get("until"))) e.formData.set("tz", zone);
  });
}

// A note in the address is shown once.
const here = new URL(location.href);
if (here.searchParams.has("done")) {
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
}

for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

// The address of a source follows its name.
const named = document.querySelector("input[data-address]");
if (named) {
  const address = document.getElementById(named.dataset.address);
  named.addEventListener("input", () => (address.textContent = address.textContent.replace(/[^/]*$/, encodeURIComponent(named.value))));
}

// The form of a hook shows what it would do while somebody types.
for (const form of document.querySelectorAll("form[data-preview]")) {
  const box = form.querySelector("#preview");
  let timer, asked = 0;
  const look = async () => {
    const mine = ++asked;
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "preview");
    body.set("part", "preview");
    const answer = await fetch(form.action, { method: "POST", body });
    if (!answer.ok || mine !== asked) return;
    box.innerHTML = await answer.text(); // our own page's part, escaped by the server
    localTimes(box);
  };
  form.addEventListener("input", (e) => {
    if (e.target.name === "names" || e.target.name === "event") form.elements.which.value = "some";
    clearTimeout(timer);
    timer = setTimeout(look, 300);
  });
}
