// What several modules need of the page.

/** The CSRF token of this moment: the cookie is readable on purpose, and changes when somebody signs in. */
export function csrfToken() {
  return document.cookie.split("; ").find((each) => each.startsWith("__Host-csrftoken="))?.split("=")[1] ?? "";
}

/** What every request of a script carries: the token, and whose page it comes from. */
export function headers() {
  const person = document.body.dataset.person;
  return { "X-CSRFToken": csrfToken(), "X-Requested-With": "fetch", ...(person && { "X-Portal-Person": person }) };
}

/** Says something to people who cannot see it happen. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Opens the dialog kept in a <template>; the same one if it is open already. */
export function openDialog(templateId) {
  const open = document.querySelector(`dialog[data-from="${templateId}"]`);
  if (open) return open;
  const dialog = document.getElementById(templateId).content.firstElementChild.cloneNode(true);
  dialog.dataset.from = templateId;
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  window.htmx.process(dialog);
  dialog.showModal();
  return dialog;
}
