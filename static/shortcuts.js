// Single keys, as mail programs have them. They can be switched off ("Keyboard" below the navigation), and never count while typing.
import { openDialog } from "./page.js";

const typing = (element) => element.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
const rows = () => [...document.querySelectorAll(".row:not([hidden]) .open")];

function step(by) {
  const all = rows();
  if (!all.length) return;
  const here = all.indexOf(document.activeElement.closest(".row")?.querySelector(".open"));
  const from = here >= 0 ? here : all.findIndex((each) => each.hasAttribute("aria-current"));
  const next = all[from < 0 ? 0 : Math.min(all.length - 1, Math.max(0, from + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function pick() {
  document.activeElement.closest(".row")?.querySelector("input[type=checkbox]").click();
}

function press(selector) {
  const target = [...document.querySelectorAll(selector)].find((each) => each.checkVisibility());
  target?.click();
  return Boolean(target);
}

function toBin() {
  const row = document.activeElement.closest(".row");
  const box = row?.querySelector("input[type=checkbox]");
  if (box && !document.querySelector(".row input:checked") && !document.querySelector("#reader [data-key='#']")) box.click();
  if (!press(".picked [value=bin]")) press("[data-key='#']");
}

const actions = {
  j: () => step(1),
  k: () => step(-1),
  x: pick,
  c: () => press(".places .new"),
  "#": toBin,
  "/": () => document.getElementById("filter")?.focus(),
  "?": () => { openDialog("keys-help").querySelector("[data-single-keys-switch]").checked = true; },
};

/** Whether single keys count (WCAG 2.1.4 wants a switch); each browser remembers for itself. */
const on = () => (localStorage.getItem("single-keys") ?? "on") === "on";

export function listenForShortcuts() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return;
    if (!on() || document.querySelector("dialog[open]")) return;
    const known = actions[event.key];
    if (known) known();
    else if (!/^[a-z]$/.test(event.key) || !press(`[data-key="${event.key}"]`)) return;
    event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-single-keys-switch]")) localStorage.setItem("single-keys", event.target.checked ? "on" : "off");
  });
  document.getElementById("keyboard").addEventListener("click", () => {
    openDialog("keys-help").querySelector("[data-single-keys-switch]").checked = on();
  });
}
