// New mail appears by itself: a cheap conditional request that does not keep the session alive.
import { announce, headers } from "./page.js";
import { signInAgain } from "./session.js";
import { showTimes } from "./times.js";

const EVERY = 5_000;
const NOT_SHOWN = 30_000; // in a tab that nobody looks at

/** Its subject could not be opened before. What is open or selected stays so. */
function show(row, old) {
  if (old.querySelector(".open[aria-current]")) row.querySelector(".open").setAttribute("aria-current", "true");
  const box = row.querySelector("input"); // a draft has none
  if (box) box.checked = old.querySelector("input").checked;
  old.replaceWith(row);
  window.htmx.process(row);
}

/** Puts rows that are new at the top of the list and renews those that changed. Returns how many are new. */
function merge(list, fresh) {
  let added = 0;
  let before = list.firstElementChild;
  for (const row of fresh) {
    const old = document.getElementById(row.id);
    if (!old) {
      list.insertBefore(row, before);
      window.htmx.process(row);
      added += 1;
      continue;
    }
    before = old.nextElementSibling;
    if (old.classList.contains("unread") && !row.classList.contains("unread")) old.classList.remove("unread");
    if (old.querySelector(".grey") && !row.querySelector(".grey")) show(row, old);
  }
  return added;
}

export function watchForNewMail() {
  const url = document.body.dataset.newMail;
  if (!url) return;
  let etag = document.getElementById("listing")?.dataset.etag ?? "";

  async function look() {
    const response = await fetch(url, { headers: { ...headers(), "If-None-Match": etag }, cache: "no-store" });
    if (response.status === 401) await signInAgain();
    if (response.status !== 200) return;
    etag = response.headers.get("ETag") ?? "";
    const piece = new DOMParser().parseFromString(await response.text(), "text/html");
    const unread = document.getElementById("unread");
    if (unread) unread.innerHTML = piece.getElementById("unread").innerHTML;
    const list = document.querySelector("#listing .rows");
    if (!list || !piece.querySelector(".rows")) return;
    const added = merge(list, [...piece.querySelectorAll(".row")].map((row) => document.importNode(row, true)));
    showTimes(list);
    if (added) announce(`${added} new in ${document.getElementById("folder-name").textContent}`);
  }

  async function again() {
    try {
      await look();
    } catch {
      // The network or the portal is away: the next look may succeed.
    }
    setTimeout(again, document.visibilityState === "visible" ? EVERY : NOT_SHOWN);
  }
  setTimeout(again, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") look().catch(() => {});
  });
}
