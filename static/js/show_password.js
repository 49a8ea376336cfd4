// The eye beside a password field: shows what is typed, hides it again before it is sent.

const BUTTONS = "button[data-shows]";

function show(button, visible) {
  document.getElementById(button.dataset.shows).type = visible ? "text" : "password";
  button.setAttribute("aria-pressed", String(visible));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(BUTTONS);
  if (button) show(button, button.getAttribute("aria-pressed") !== "true");
});

// Browsers remember what stood in text fields; a password must not be among it.
document.addEventListener(
  "submit",
  (event) => {
    for (const button of event.target.querySelectorAll(BUTTONS)) show(button, false);
  },
  { capture: true },
);

function showButtons() {
  for (const button of document.querySelectorAll(BUTTONS)) button.hidden = false;
}

showButtons();
document.addEventListener("htmx:after:swap", showButtons);
