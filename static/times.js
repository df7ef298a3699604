// Times come from the server in UTC; here they get the reader's zone. The title keeps Zulu.
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DAY = 86_400_000;

const midnight = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());

function short(moment, now) {
  const age = Math.round((midnight(now) - midnight(moment)) / DAY);
  if (age === 0) return time.format(moment);
  if (age > 0 && age < 7) return weekday.format(moment);
  return moment.getFullYear() === now.getFullYear() ? day.format(moment) : `${day.format(moment)} ${moment.getFullYear()}`;
}

function long(moment, now) {
  const year = moment.getFullYear() === now.getFullYear() ? "" : ` ${moment.getFullYear()}`;
  return `${weekday.format(moment)} ${day.format(moment)}${year}, ${time.format(moment)}`;
}

/** Puts all times below `root` into the reader's zone. */
export function showTimes(root) {
  const now = new Date();
  for (const each of root.querySelectorAll("time[data-form]")) {
    const moment = new Date(each.dateTime);
    each.textContent = each.dataset.form === "short" ? short(moment, now) : long(moment, now);
  }
}
