// Keyboard shortcuts for links and buttons of the page. They are off while the user types.

const go = { e: "events", d: "deliveries", w: "webhooks", s: "sources", r: "replays" };
let leader = 0;

function rows() {
  return [...document.querySelectorAll(".rows tbody tr")];
}

function move(by) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((r) => r.classList.contains("here"));
  all[at]?.classList.remove("here");
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
  next.classList.add("here");
  next.querySelector("a, summary, button")?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function press(key) {
  const it = document.querySelector(`[data-key="${key}"]`);
  if (!it) return false;
  if (key === "r" || it.matches("input, select, textarea")) it.focus(); // r only focuses: sending needs a second key
  else it.click();
  return true;
}

function jump(key) {
  if (key === "p") document.querySelector(".brand").click();
  else if (key === "o") document.querySelector(".tabs a")?.click();
  else if (Object.hasOwn(go, key)) document.querySelector(`.tabs a[href$="/${go[key]}"]`)?.click();
  else return false;
  return true;
}

document.addEventListener("keydown", (e) => {
  const list = document.getElementById("keys");
  if (e.key === "?" && list.open) {
    list.close();
    e.preventDefault();
    return;
  }
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, dialog, [contenteditable]")) return;
  if (Date.now() - leader < 1200) {
    leader = 0;
    if (jump(e.key)) {
      e.preventDefault();
      return;
    }
  }
  switch (e.key) {
    case "j": move(1); break;
    case "k": move(-1); break;
    case "Enter":
      if (e.target.closest("a, button, summary")) return;
      document.querySelector("tr.here a")?.click();
      break;
    case "/":
      if (!press("/")) jump("e");
      break;
    case "r": case "c": case "t": press(e.key); break;
    case "p": document.getElementById("pause")?.click(); break;
    case "g": leader = Date.now(); break;
    case "?": list.showModal(); break;
    default: return;
  }
  e.preventDefault();
});
