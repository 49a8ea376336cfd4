// Takes the key of a link out of the address bar before any other script, request or copied address can carry it.
// The key waits in history.state, so that a reload before the reveal still works, and is dropped after the reveal.
// A classic, blocking script on purpose: it must run before htmx, which puts the whole address into a header.
(() => {
  "use strict";

  const LINK_PATHS = /^\/(s|r|approve|statement|retrieve)\/|^\/(set-up|join)$/;
  if (!LINK_PATHS.test(location.pathname)) return;

  function keepKeyOutOfAddress() {
    if (location.hash.length < 2) return false;
    const link = location.origin + location.pathname + location.hash;
    history.replaceState({ link }, "", location.pathname + location.search);
    return true;
  }

  const revealed = () => document.querySelector("[data-revealed]") !== null;

  function fillFields() {
    const link = history.state?.link ?? "";
    const fields = [...document.querySelectorAll("input[data-from-link]")];
    for (const field of link ? fields : []) {
      field.value = field.dataset.fromLink === "key" ? link.slice(link.indexOf("#") + 1) : link;
      field.disabled = false;
    }
    // A form that came back with errors carries the key already.
    const isComplete = fields.some((field) => field.value !== "");
    const situation = isComplete ? "complete" : history.state?.shown ? "shown" : "incomplete";
    for (const part of document.querySelectorAll("[data-link-is]")) {
      part.hidden = !part.dataset.linkIs.split(" ").includes(situation);
    }
  }

  function forgetKeyOnceShown() {
    // "shown" holds no part of the link; it lets a reload tell the truth.
    if (revealed() && !history.state?.shown) history.replaceState({ shown: true }, "", location.pathname);
  }

  keepKeyOutOfAddress();

  addEventListener("DOMContentLoaded", () => {
    fillFields();
    forgetKeyOnceShown();
  });
  document.addEventListener("htmx:after:swap", forgetKeyOnceShown);

  // A link pasted over the address of this very page changes only the fragment and loads nothing.
  addEventListener("hashchange", () => {
    const shown = revealed();
    if (!keepKeyOutOfAddress()) return;
    if (shown) history.replaceState({ shown: true }, "", location.pathname);
    else location.reload();
  });

  // Links inside the page would change the fragment, and so look like a link with another key.
  document.addEventListener("click", (event) => {
    const jump = event.target.closest("a[href^='#']");
    if (!jump) return;
    event.preventDefault();
    document.getElementById(jump.hash.slice(1))?.focus();
  });

  // A page brought back from the browser's memory must not show the text a second time.
  addEventListener("pageshow", (event) => {
    if (event.persisted && revealed()) location.reload();
  });
})();
