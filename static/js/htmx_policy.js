// Gives htmx its Trusted Types policy and takes away its ways to run text as code.
// No template uses them; a fragment that ever did would fail loudly instead of running.

function refuse() {
  throw new TypeError("Text is never run as code on these pages.");
}

// Fragments come from this service only (mode "same-origin") and scripts in them are refused above.
const rules = { createHTML: (html) => html, createScript: refuse };

window.htmx.registerExtension("sharelink-policy", {
  init(internals) {
    const policy = window.trustedTypes?.createPolicy("htmx", rules) ?? rules;
    internals.initSecurity(policy, refuse, refuse);
  },
});
