// Passkeys: fetches a challenge, lets the browser ask the person, and sends the answer with the form it belongs to.
// Without this script, or in a browser that is too old, the forms stay hidden; every page offers another way.

const { PublicKeyCredential, navigator } = window;
const parse = {
  get: PublicKeyCredential?.parseRequestOptionsFromJSON?.bind(PublicKeyCredential),
  create: PublicKeyCredential?.parseCreationOptionsFromJSON?.bind(PublicKeyCredential),
};

function show(part) {
  for (const form of part.querySelectorAll("form[data-passkey]")) form.hidden = !parse[form.dataset.passkey];
}

async function optionsFor(form) {
  const answer = await fetch(form.dataset.challenge, {
    method: "POST",
    headers: { "X-CSRFToken": form.elements.csrf_token.value, "Content-Type": "application/x-www-form-urlencoded" },
    body: "wanted=1",
    redirect: "error",
  });
  // A proof is asked for first: the form itself leads to it.
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(answer.status === 429 ? "That was a little too fast. Wait a moment." : "");
  return answer.json();
}

async function answerOf(form) {
  const options = await optionsFor(form);
  if (options === null) return "";
  const kind = form.dataset.passkey;
  const credential = await navigator.credentials[kind]({ publicKey: parse[kind](options) });
  return JSON.stringify(credential.toJSON());
}

function tell(form, message) {
  const place = form.querySelector("[data-passkey-problem]");
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
    if (form.dataset.passkey === undefined || form.dataset.answered !== undefined) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.asking !== undefined) return;
    form.dataset.asking = "";
    tell(form, "");
    try {
      form.querySelector("[data-passkey-answer]").value = await answerOf(form);
      form.dataset.answered = "";
      form.requestSubmit();
    } catch (error) {
      tell(form, reasonOf(error));
    } finally {
      delete form.dataset.asking;
    }
  },
  true,
);

// A page brought back from the browser's memory asks anew.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-passkey]")) delete form.dataset.answered;
});

show(document);
document.addEventListener("htmx:after:swap", () => show(document));
