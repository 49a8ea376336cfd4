// Adds the reader's own time to times given in UTC. The UTC time always stays: it is the one both sides can speak about.

// English month names like the rest of the page, in the order the server writes them.
const format = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});

function addLocalTime(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0) return;
  const text = `${format.format(at)} your time`;
  if (time.dataset.local === "title") {
    time.title = text;
    return;
  }
  const beside = document.createElement("span");
  beside.className = "local-time";
  beside.textContent = ` (${text})`;
  time.after(beside);
}

function addLocalTimes() {
  for (const time of document.querySelectorAll("time[data-local]")) {
    addLocalTime(time);
    delete time.dataset.local;
  }
}

addLocalTimes();
document.addEventListener("htmx:after:swap", addLocalTimes);
