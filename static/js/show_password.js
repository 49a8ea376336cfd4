// The eye beside a password field: shows what is typed, hides it again before it is sent.

function show(button, visible) {
  const field = document.getElementById(button.dataset.shows);
  field.type = visible ? "text" : "password";
  button.setAttribute("aria-pressed", String(visible));
}

for (const button of document.querySelectorAll("button[data-shows]")) {
  button.hidden = false;
  button.addEventListener("click", () => show(button, button.getAttribute("aria-pressed") !== "true"));
  // Browsers remember what stood in text fields; a password must not be among it.
  button.form?.addEventListener("submit", () => show(button, false));
}
