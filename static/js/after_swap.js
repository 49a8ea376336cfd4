// After htmx has changed a part of the page: focus, title and messages, as a full page load would have set them.

const notice = document.getElementById("notice");
const main = document.getElementById("main");

function focusOn(element) {
  if (!element) return;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus();
}

function firstToRead(part) {
  return part.querySelector("[data-focus]") ?? part.querySelector("[aria-invalid='true']") ?? part.querySelector("h1");
}

function nameThePage() {
  const heading = main.querySelector("h1");
  if (heading) document.title = `${heading.textContent.trim()} · ${document.documentElement.dataset.organisation}`;
}

// Lists renewed while someone types keep the focus where it is and only report their result.
function announce(part) {
  const message = part.querySelector("[data-announce]");
  if (message) document.getElementById("announcer").textContent = message.textContent.trim();
}

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.swap === "none") return;
  const target = typeof ctx.target === "string" ? document.querySelector(ctx.target) : ctx.target;
  if (target === notice) {
    focusOn(notice.firstElementChild);
    return;
  }
  notice.replaceChildren();
  if (target === main) {
    nameThePage();
    focusOn(firstToRead(main));
    scrollTo({ top: 0 });
  } else {
    announce(target);
  }
  const { keepsAddress } = ctx.sourceElement.dataset;
  if (keepsAddress !== undefined) {
    const answered = new URL(ctx.response.raw.url);
    history.replaceState(history.state, "", answered.pathname + answered.search);
  }
});

// No answer at all: the network is gone, or the request took too long.
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (!ctx || ctx.response || ctx.swap === "none") return;
  const message = document.createElement("p");
  message.textContent = notice.dataset.noAnswer;
  notice.replaceChildren(message);
  focusOn(message);
});

// The same courtesy for a full page that came back with errors.
if (main.querySelector("[data-focus], [aria-invalid='true']")) focusOn(firstToRead(main));
