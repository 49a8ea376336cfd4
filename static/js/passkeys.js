// Passkeys: fetches a challenge, lets the browser ask the person, and sends the answer with the form it belongs to.
// [data-passkey] is such a form, or a part of one that can be sent in another way as well. Without this script, or in a
// browser that is too old, they stay hidden; every page offers another way.

const { PublicKeyCredential, navigator } = window;
const parse = {
  get: PublicKeyCredential?.parseRequestOptionsFromJSON?.bind(PublicKeyCredential),
  create: PublicKeyCredential?.parseCreationOptionsFromJSON?.bind(PublicKeyCredential),
};

function show(root) {
  for (const part of root.querySelectorAll("[data-passkey]")) part.hidden = !parse[part.dataset.passkey];
}

// What is to be sent is the part of the button that was pressed, unless Enter was pressed where the other way is typed.
function partOf(form, button) {
  if (form.dataset.passkey !== undefined) return form;
  if (document.activeElement?.closest("[data-other-way]")) return null;
  const part = button?.closest("[data-passkey]") ?? null;
  return part?.hidden ? null : part;
}

async function optionsFor(form, part) {
  const fields = new URLSearchParams({ wanted: "1" });
  for (const name of part.dataset.challengeFields?.split(" ") ?? []) fields.set(name, form.elements[name].value);
  const answer = await fetch(part.dataset.challenge, {
    method: "POST",
    headers: { "X-CSRFToken": form.elements.csrf_token.value },
    body: fields,
    redirect: "error",
  });
  // A proof is asked for first, or something typed is wrong: the form itself leads to the page that tells.
  if ([401, 403, 404, 422].includes(answer.status)) return null;
  if (!answer.ok) throw new Error(answer.status === 429 ? "That was a little too fast. Wait a moment." : "");
  return answer.json();
}

async function answerOf(form, part) {
  const options = await optionsFor(form, part);
  if (options === null) return "";
  const kind = part.dataset.passkey;
  const credential = await navigator.credentials[kind]({ publicKey: parse[kind](options) });
  return JSON.stringify(credential.toJSON());
}

function tell(part, message) {
  const place = part.querySelector("[data-passkey-problem]");
  place.textContent = message;
  place.hidden = message === "";
}

function reasonOf(error) {
  if (error.name === "InvalidStateError") return "This device has a passkey for your account already.";
  if (error.name === "NotAllowedError") return "Nothing was chosen, or it took too long. Try again when you are ready.";
  return error.message || "That did not work. Load the page again and try once more.";
}

// In the capturing phase, so that no other script takes the form for sent before there is an answer to send.
document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    if (form.dataset.answered !== undefined) return;
    const part = partOf(form, event.submitter);
    if (part === null) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.asking !== undefined) return;
    form.dataset.asking = "";
    tell(part, "");
    try {
      part.querySelector("[data-passkey-answer]").value = await answerOf(form, part);
      form.dataset.answered = "";
      form.requestSubmit(event.submitter);
    } catch (error) {
      tell(part, reasonOf(error));
    } finally {
      delete form.dataset.asking;
    }
  },
  true,
);

// A page brought back from the browser's memory asks anew.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-answered]")) delete form.dataset.answered;
});

show(document);
document.addEventListener("htmx:after:swap", () => show(document));
