// Puts a generated password into the secret field, without ever overwriting what a person typed there.

let lastPut = "";

const secretField = () => document.getElementById("secret");
const generated = () => document.getElementById("generated");

function put() {
  lastPut = generated().value;
  secretField().value = lastPut;
  document.getElementById("announcer").textContent = "The new password is in the secret field.";
}

// The generator is a part of the form; what was typed as the secret has no business in its request.
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement.id === "generate") ctx.request.body.delete("secret");
});

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.sourceElement.id !== "generate" && ctx.target?.id !== "generator") return;
  document.getElementById("generate")?.focus();
  if (!generated()) return;
  const typed = secretField().value;
  if (typed === "" || typed === lastPut) put();
  else document.getElementById("put-generated").hidden = false;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("#put-generated");
  if (!button) return;
  put();
  button.hidden = true;
  secretField().focus();
});
