// Copy buttons: they copy the exact text of their source, never what the screen makes of it, and say how it went.

const announcer = document.getElementById("announcer");

function exactText(source) {
  return "value" in source ? source.value : source.textContent;
}

// Plain http has no clipboard interface; the older way needs a selection and lets us put the exact text in.
function copyTheOldWay(text) {
  const field = document.createElement("textarea");
  field.className = "visually-hidden";
  field.readOnly = true;
  field.value = text;
  document.body.append(field);
  const before = document.activeElement;
  field.select();
  const putExactText = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  };
  document.addEventListener("copy", putExactText, { once: true });
  try {
    return document.execCommand("copy");
  } finally {
    document.removeEventListener("copy", putExactText);
    field.value = "";
    field.remove();
    before?.focus();
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyTheOldWay(text);
  }
}

function tell(button, message) {
  const label = button.querySelector("[data-copy-text]");
  button.dataset.text ??= label.textContent;
  label.textContent = message;
  announcer.textContent = message;
  clearTimeout(button.backToNormal);
  button.backToNormal = setTimeout(() => {
    label.textContent = button.dataset.text;
    announcer.textContent = "";
  }, 4000);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const copied = await copy(exactText(document.getElementById(button.dataset.copy)));
  tell(button, copied ? button.dataset.done : "Could not copy. Select the text and copy it by hand.");
});

function showButtons(part) {
  for (const button of part.querySelectorAll("[data-copy]")) button.hidden = false;
}

showButtons(document);
document.addEventListener("htmx:after:swap", () => showButtons(document));
