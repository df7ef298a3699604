// On every page: the CSRF token, signing in again over the page, times in the reader's zone, short cuts, small buttons.
import { announce, csrfToken, headers } from "./page.js";
import { showTimes } from "./times.js";
import { guardSession } from "./session.js";
import { listenForShortcuts } from "./shortcuts.js";
import { watchForNewMail } from "./new-mail.js";

const root = document.documentElement;
root.classList.add("scripted");

// After signing in again the cookie has a new token: the one in the page's forms would be refused.
document.addEventListener("submit", (event) => {
  const field = event.target.elements?.csrfmiddlewaretoken;
  if (field && csrfToken()) field.value = csrfToken();
  const busy = event.target.dataset.busy;
  const button = event.submitter;
  if (!busy || !button) return;
  button.textContent = busy;
  // Only after the browser has collected the form: a disabled button is not sent.
  setTimeout(() => { button.disabled = true; });
}, true);
document.addEventListener("htmx:configRequest", (event) => {
  Object.assign(event.detail.headers, headers());
  event.detail.formData.delete("csrfmiddlewaretoken"); // the page's own may be old, and would count before the header
  if (event.detail.elt.id === "sign-in-again") delete event.detail.headers["X-Portal-Person"]; // whoever it was before
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-print], [data-copy], [data-close]");
  if (!button) return;
  if ("print" in button.dataset) window.print();
  if ("close" in button.dataset) button.closest("dialog").close();
  if (button.dataset.copy) {
    const source = document.querySelector(button.dataset.copy);
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    button.textContent = "Copied";
    announce("Copied");
  }
});

// A piece of a page was put in: its times are still in UTC; a reader on a narrow page starts at its top.
document.addEventListener("htmx:afterSwap", (event) => {
  showTimes(event.detail.target.isConnected ? event.detail.target : document);
  if (event.detail.target.id !== "reader" && event.detail.target.id !== "main") return;
  const heading = event.detail.target.querySelector("h1, .failure");
  if (!heading) return;
  const list = document.querySelector(".list");
  const alone = !list || !list.checkVisibility();
  if (alone) {
    window.scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  } else {
    event.detail.target.scrollTop = 0;
    announce(`Opened: ${heading.textContent.trim()}`);
  }
});

// The connection broke: what asks by itself asks again.
document.addEventListener("htmx:sendError", (event) => {
  const { elt, requestConfig } = event.detail;
  if (!elt.matches("[hx-trigger^=load]")) return;
  setTimeout(() => elt.isConnected && window.htmx.ajax("GET", requestConfig.path, { source: elt }), 3_000);
});

showTimes(document);
if ("signedIn" in document.body.dataset) {
  guardSession();
  listenForShortcuts();
  watchForNewMail();
}
