// Writing: the draft saves itself, files go up as they are chosen or dropped, Ctrl+Enter sends.
import { announce, csrfToken, headers } from "./page.js";
import { ask, signInAgain } from "./session.js";
import { showTimes } from "./times.js";

const PAUSE = 1_200; // after the last key
const form = document.getElementById("compose");
const saved = document.getElementById("saved");
let timer = 0;
let changed = false;
let leaving = false;
let sending = false;
let answered = false; // by Send, and nothing was changed since

// --- saving ---

function written() {
  const data = new FormData(form);
  data.delete("files");
  data.delete("csrfmiddlewaretoken"); // the header has the one that counts now
  return data;
}

/** The portal would refuse a text of that length: said here, before megabytes go out. */
function tooLong() {
  const limit = Number(form.dataset.textLimit);
  const text = form.elements.text.value;
  form.classList.toggle("long", text.length > 100_000); // a field that grows with its text would be slow
  if (text.length * 3 < limit || new Blob([text]).size < limit) return "";
  return `The text is longer than ${Math.floor(limit / 100_000) / 10} MB. Put the long part into a file and attach it.`;
}

async function save({ keepalive = false } = {}) {
  clearTimeout(timer);
  if (tooLong()) {
    saved.textContent = "Not saved";
    return;
  }
  changed = false;
  const request = () => fetch(form.dataset.save, {
    method: "POST", body: written(), keepalive,
    headers: headers(),
  });
  try {
    const response = await (keepalive ? request() : ask(request));
    if (leaving) return;
    const answer = new DOMParser().parseFromString(await response.text(), "text/html").body;
    if (!response.ok) {
      changed = true;
      if (response.status === 503) return saveLater("the portal is busy");
      saved.textContent = answer.querySelector(".failure p")?.textContent ?? answer.textContent.trim();
      return;
    }
    saved.replaceChildren(...answer.childNodes);
    showTimes(saved);
    if (location.pathname !== form.dataset.edit) history.replaceState(null, "", form.dataset.edit);
  } catch {
    changed = true;
    saveLater("no connection");
  }
}

function saveLater(reason) {
  saved.textContent = `Not saved: ${reason}. It is tried again.`;
  clearTimeout(timer);
  if (form.isConnected) timer = setTimeout(save, 5_000); // not if Send was faster
}

form.addEventListener("input", (event) => {
  if (event.target.type === "file") return;
  answered = false;
  changed = true;
  clearTimeout(timer);
  timer = setTimeout(save, PAUSE);
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden" && changed && !leaving) save({ keepalive: true });
});
form.addEventListener("htmx:beforeRequest", (event) => {
  const isSending = event.detail.elt === form;
  if (tooLong()) {
    event.preventDefault();
    // A later check does not talk over what Send has answered.
    if (isSending) complain(`${tooLong()} Nothing was sent.`);
    else if (!document.querySelector("#outlook .refused")) complain(tooLong());
  } else if (isSending) {
    clearTimeout(timer);
    sending = true;
    window.htmx.trigger("#fields", "htmx:abort"); // the check that is under way has nothing left to say
  } else if (sending || answered) {
    event.preventDefault(); // a check of what was written before Send would talk over its answer
  }
});
// Whatever goes wrong is said beside Send: what was written stays where it is.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig.elt !== form || !event.detail.isError) return;
  event.detail.target = document.getElementById("outlook");
  event.detail.swapOverride = "innerHTML";
});
form.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt !== form) return;
  sending = false;
  answered = true;
});

function complain(reason) {
  const words = document.createElement("p");
  words.className = "refused";
  words.textContent = reason;
  document.getElementById("outlook").replaceChildren(words);
}
form.addEventListener("htmx:sendError", () => {
  complain("There is no connection to the portal. Nothing was sent; try again.");
});
// Only the discard button leaves by itself: htmx would send the form's content elsewhere.
form.querySelector("[data-leaves]").addEventListener("click", (event) => {
  event.preventDefault();
  leaving = true;
  clearTimeout(timer);
  form.action = event.target.formAction;
  form.elements.csrfmiddlewaretoken.value = csrfToken();
  HTMLFormElement.prototype.submit.call(form);
});
// What leads away and back saves first; if that fails, it says so and the page stays.
form.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-after-saving]");
  if (!button) return;
  event.preventDefault();
  changed = true;
  await save();
  if (!changed) location.assign(button.dataset.afterSaving);
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit(document.getElementById("send"));
  } else if (event.key === "Enter" && event.target.matches("input[type=text]")) {
    event.preventDefault(); // Enter in a line does not send
  }
});

// --- suggestions: the browser's own list, for the entry after the last comma ---

const people = document.getElementById("people");
const names = [...people.options].map((each) => [each.value, each.textContent]);
for (const name of ["to", "cc", "bcc"]) {
  const field = form.elements[name];
  field.addEventListener("input", () => {
    const start = field.value.slice(0, field.value.lastIndexOf(",") + 1);
    const before = start && `${start} `;
    people.replaceChildren(...names.map(([value, words]) => new Option(words, before + value)));
    field.setAttribute("list", "people");
  });
  field.addEventListener("blur", () => field.removeAttribute("list"));
}

// --- files ---

const list = document.getElementById("uploads");
const picker = document.getElementById("attach");
let queue = Promise.resolve();

function line(file) {
  const item = document.createElement("li");
  const name = document.createElement("bdi");
  const words = document.createElement("span");
  const bar = document.createElement("progress");
  name.textContent = file.name;
  words.className = "quiet";
  words.textContent = "Waiting";
  words.setAttribute("role", "status");
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", "Progress");
  item.append(name, words, bar);
  list.append(item);
  return { item, words, bar };
}

function post(file, { words, bar }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const data = new FormData();
    data.append("files", file);
    request.upload.addEventListener("progress", (event) => {
      bar.value = (event.loaded / event.total) * 100;
      words.textContent = event.loaded < event.total ? `${Math.round(bar.value)} %` : "Sealing";
    });
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new Error("no connection")));
    request.open("POST", form.dataset.attach);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.send(data);
  });
}

function refuse(shown, reason) {
  shown.words.className = "error";
  shown.words.textContent = reason;
  shown.bar.remove();
  const away = document.createElement("button");
  away.type = "button";
  away.className = "button quiet";
  away.textContent = "Dismiss";
  away.addEventListener("click", () => shown.item.remove());
  shown.item.append(away);
}

async function upload(file) {
  const shown = line(file);
  if (file.size > Number(form.dataset.limit)) return refuse(shown, "Too large: take something smaller, or send it in parts.");
  try {
    let request = await post(file, shown);
    if (request.status === 401) {
      await signInAgain();
      request = await post(file, shown);
    }
    const answer = new DOMParser().parseFromString(request.responseText, "text/html");
    if (request.status !== 200) return refuse(shown, answer.querySelector(".error, .failure p")?.textContent ?? "It could not be attached.");
    for (const item of [...answer.body.children]) {
      document.getElementById("files").append(item);
      window.htmx.process(item);
    }
    shown.item.remove();
    announce(`${file.name} is attached`);
    answered = false;
    document.getElementById("classification").dispatchEvent(new Event("change", { bubbles: true })); // what can be sent may have changed
  } catch {
    refuse(shown, "The connection broke. Attach it again.");
  }
}

function attach(files) {
  queue = queue.then(async () => {
    if (changed || location.pathname !== form.dataset.edit) await save();
    for (const file of files) await upload(file);
  });
}

picker.addEventListener("change", () => {
  attach([...picker.files]);
  picker.value = "";
});
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
form.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  form.classList.add("dropping");
});
form.addEventListener("dragleave", (event) => {
  if (!form.contains(event.relatedTarget)) form.classList.remove("dropping");
});
form.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  form.classList.remove("dropping");
  attach([...event.dataTransfer.files]);
});

// What was typed, or put back by the browser, before this script was there.
function isChanged(field) {
  if (field.matches("select")) {
    return field.value !== ([...field.options].find((option) => option.defaultSelected) ?? field.options[0]).value;
  }
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  return field.matches("textarea, input[type=text]") && field.value !== field.defaultValue;
}
window.addEventListener("pageshow", () => {
  [...form.elements].find(isChanged)?.dispatchEvent(new Event("input", { bubbles: true }));
});
