// Searching for a record inside a long form: Enter searches instead of sending the form, and the secret stays here.

document.addEventListener("keydown", (event) => {
  const { presses } = event.target.dataset ?? {};
  if (event.key !== "Enter" || !presses) return;
  event.preventDefault();
  document.getElementById(presses).click();
});

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement.dataset.withoutSecret !== undefined) ctx.request.body.delete("secret");
});
