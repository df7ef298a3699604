// The list of a folder: filter by typing, count what is selected, mark what is open.
const listing = document.getElementById("listing");
const filter = document.getElementById("filter");

filter.hidden = false;
filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLocaleLowerCase();
  for (const row of listing.querySelectorAll(".row")) {
    row.hidden = wanted !== "" && !row.querySelector(".open").textContent.toLocaleLowerCase().includes(wanted);
  }
});
filter.addEventListener("keydown", (event) => {
  if (event.key === "Enter") event.preventDefault(); // the form around it moves what is selected
});

listing.addEventListener("change", () => {
  const count = listing.querySelectorAll(".row input:checked").length;
  listing.querySelector(".picked .count").textContent = `${count} selected`;
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "reader") return;
  const opened = event.detail.target.querySelector("[data-opened]")?.dataset.opened;
  for (const link of listing.querySelectorAll(".open[aria-current]")) link.removeAttribute("aria-current");
  const row = opened && document.getElementById(`row-${opened}`);
  if (!row) return;
  row.classList.remove("unread");
  row.querySelector(".open").setAttribute("aria-current", "true");
});
