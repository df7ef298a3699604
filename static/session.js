// The session has ended: a dialog over the page asks for the password. What was typed stays, what failed is done again.
import { announce, openDialog } from "./page.js";

const waiting = new Set();

/** Opens the dialog; resolves when the person has signed in again. */
export function signInAgain() {
  openDialog("sign-in-again-dialog").addEventListener("cancel", (event) => event.preventDefault());
  return new Promise((resolve) => waiting.add(resolve));
}

/** fetch() for this portal: waits for the dialog on 401 and asks once more. */
export async function ask(request) {
  const response = await request();
  if (response.status !== 401) return response;
  await signInAgain();
  return request();
}

export function guardSession() {
  const failed = new Set();
  document.addEventListener("htmx:responseError", async (event) => {
    if (event.detail.xhr.status !== 401) return;
    const { elt: element, requestConfig: { verb, path, triggeringEvent: cause } } = event.detail;
    const failure = { element, cause };
    failed.add(failure);
    await signInAgain();
    // A form that was being sent replaces the page: what else had failed on it is of no use any more.
    const sending = [...failed].some((each) => each.cause?.type === "submit");
    if (!failed.delete(failure) || !element.isConnected) return;
    if (cause?.type === "submit") element.requestSubmit(cause.submitter);
    else if (sending) return;
    else if (cause) window.htmx.trigger(element, cause.type);
    else window.htmx.ajax(verb, path, { source: element });
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful || event.detail.elt.id !== "sign-in-again") return;
    event.detail.elt.closest("dialog").close();
    announce("Signed in again");
    for (const resolve of waiting) resolve();
    waiting.clear();
  });
}
