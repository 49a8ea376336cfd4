// A plain form is sent once, however often its button is pressed. (htmx forms say hx-sync="this:drop" instead.)

const AGAIN_MS = 3000;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.classList.contains("is-sent")) event.preventDefault();
  form.classList.add("is-sent");
  // The answer is a file, so the page stays, and may be asked for it again.
  if (form.dataset.stays !== undefined) setTimeout(() => form.classList.remove("is-sent"), AGAIN_MS);
});

// Coming back to the page by the browser's memory makes it usable again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form.is-sent")) form.classList.remove("is-sent");
});
