// Print buttons: hidden until this script is there to serve them.

function showButtons() {
  for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
});

showButtons();
document.addEventListener("htmx:after:swap", showButtons);
