// Hands the ready message to the person's own apps. Made here in the browser: the service never mails a link.

function offer(part) {
  const message = part.querySelector("#message");
  if (!message) return;

  const mail = part.querySelector("[data-mail]");
  const subject = encodeURIComponent(mail.dataset.mail);
  mail.href = `mailto:?subject=${subject}&body=${encodeURIComponent(message.value.replaceAll("\n", "\r\n"))}`;
  mail.hidden = false;

  const share = part.querySelector("[data-share]");
  if (!navigator.share) return;
  share.hidden = false;
  share.addEventListener("click", () => {
    // Closing the system's dialog is no error.
    navigator.share({ text: message.value }).catch(() => {});
  });
}

offer(document);
document.addEventListener("htmx:after:swap", () => offer(document));
