// One word for how hard a password is to guess. A hint, not a rule: the slot makes each guess slow, whatever is chosen.
const COMMON = /^(.)\1*$|password|passwort|qwert|letmein|welcome|iloveyou|1234|abcd|admin|portal/i;

function word(password) {
  if (!password) return "";
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z\d\s]/, /\s/].filter((kind) => kind.test(password)).length;
  const points = new Set(password).size * 1.5 + password.length + kinds * 2 - (COMMON.test(password) ? 14 : 0);
  if (password.length < 8 || points < 22) return "Weak: easy to guess.";
  if (points < 32) return "Fair: longer is better.";
  return points < 42 ? "Good." : "Strong.";
}

for (const output of document.querySelectorAll("[data-strength-of]")) {
  const first = document.getElementById(output.dataset.strengthOf);
  first.setAttribute("aria-describedby", `${first.getAttribute("aria-describedby") ?? ""} ${output.id ||= `strength-${first.id}`}`.trim());
  first.addEventListener("input", () => { output.textContent = word(first.value); });
}
