// Code for every page: times in the viewer's time zone, copy buttons, previews while typing.

import { rowsOf, signedOut, sync } from "./rows.js";

// Portals have a language of their own.
const locale = document.body.matches(".portal") ? document.documentElement.lang : undefined;
const clock = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const today = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });

const brief = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

/** Shows the times in a part of the page in the viewer's time zone, with UTC on hover. */
function localTimes(root) {
  const day = new Date().toDateString();
  for (const t of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(t.dateTime);
    t.title = t.textContent;
    t.textContent = "brief" in t.dataset ? brief.format(at) : at.toDateString() === day ? today.format(at) : clock.format(at);
  }
  for (const t of root.querySelectorAll("title[data-at]")) { // of a bar in a chart: a time, a colon and a number
    t.textContent = brief.format(new Date(t.dataset.at)) + t.textContent.slice(t.textContent.indexOf(": "));
    t.removeAttribute("data-at");
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

// On a phone the tabs scroll. Scroll to the current one.
const tab = document.querySelector(".tabs [aria-current]");
if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - 40;

// Polls the parts of a page that change: the progress of a replay, the requests to a bin, the state of a delivery. The
// pause grows while nothing changes. With data-while, polling ends when no element matches that selector.
const polled = document.querySelector("[data-poll]");
if (polled) {
  const rows = rowsOf(polled);
  const often = 1000, rare = polled.dataset.while ? 15000 : often;
  let pause = often;
  const look = async () => {
    if (polled.dataset.while && !rows.querySelector(polled.dataset.while)) return;
    if (!document.hidden) {
      const answer = await fetch(polled.dataset.poll).catch(() => ({ ok: false })); // the server may be restarting
      if (signedOut(answer.status) || answer.status === 404) return; // 404: deleted
      if (answer.ok) pause = sync(rows, await answer.text()) ? often : Math.min(pause * 1.5, rare);
    }
    setTimeout(look, pause);
  };
  setTimeout(look, often);
}

// Shows the elements that need scripts.
document.documentElement.classList.add("scripts");

// Typed times are in the viewer's time zone, like the displayed ones. Empty fields are not put into the URL.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const form of document.forms) {
  const times = form.matches("[data-times]");
  for (const said of form.querySelectorAll("[data-zone]")) said.textContent = said.dataset.zone;
  form.addEventListener("formdata", (e) => {
    if (form.method === "get") {
      for (const [name, value] of [...e.formData]) {
        if (value === "") e.formData.delete(name);
      }
    }
    if (times && zone && (e.formData.get("since") || e.formData.get("until"))) e.formData.set("tz", zone);
  });
}

// A note in the URL is shown once.
const here = new URL(location.href);
if (here.searchParams.has("done")) {
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
}

for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

// The URL of a source follows its name.
const named = document.querySelector("input[data-address]");
if (named) {
  const address = document.getElementById(named.dataset.address);
  named.addEventListener("input", () => (address.textContent = address.textContent.replace(/[^/]*$/, encodeURIComponent(named.value))));
}

/** Shows at a field what is wrong with it; with "", that nothing is. */
function showFault(field, text) {
  let said = field.parentElement.querySelector(".fault");
  if (!text) {
    said?.remove();
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    return;
  }
  if (!said) {
    said = document.createElement("span");
    said.className = "fault";
    said.id = "fault-" + field.name;
    field.after(said);
  }
  said.textContent = text;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", said.id);
}

// The form of a hook shows a preview while the user types.
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
    box.innerHTML = await answer.text(); // part of our own page, escaped by the server
    localTimes(box);
    const fault = box.querySelector("[data-fault]");
    showFault(form.elements.filter, fault ? fault.textContent : "");
  };
  form.addEventListener("input", (e) => {
    if (e.target.name === "names" || e.target.name === "event") form.elements.which.value = "some";
    clearTimeout(timer);
    timer = setTimeout(look, 300);
  });
}
