// Long pages on small screens: parts marked data-folds begin folded. The part that an address names is opened.

const parts = document.querySelectorAll("details[data-folds]");
const isSmall = matchMedia("(max-width: 47.99rem)");

function openNamed() {
  const named = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  const part = named?.closest("details[data-folds]");
  if (!part) return;
  part.open = true;
  part.scrollIntoView();
}

function fold() {
  for (const part of parts) part.open = !isSmall.matches;
  openNamed();
}

if (parts.length > 0) {
  if (isSmall.matches) fold();
  isSmall.addEventListener("change", fold);
  addEventListener("hashchange", openNamed);
}
