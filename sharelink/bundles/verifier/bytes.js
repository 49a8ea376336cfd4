// Bytes, their spellings and their hashes. Everything is refused that a strict reader would refuse.

class Problem extends Error {
  constructor(text, file = "") {
    super(text);
    this.file = file;
  }
}

function demand(condition, text) {
  if (!condition) throw new Problem(text);
}

// Runs `act`; a problem in it is one of `file`.
async function within(file, act) {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Problem && !error.file) error.file = file;
    throw error;
  }
}

const toUtf8 = (text) => new TextEncoder().encode(text);

function utf8Text(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Problem("It is not UTF-8 text.");
  }
}

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

const toBase64Url = (bytes) => toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

// atob takes spellings that are not canonical; encoding once more finds them.
function fromBase64(text) {
  demand(/^[A-Za-z0-9+/]*={0,2}$/.test(text), "It holds base64 that is not spelled right.");
  let raw = "";
  try {
    raw = atob(text);
  } catch {
    throw new Problem("It holds base64 that is not spelled right.");
  }
  const bytes = Uint8Array.from(raw, (character) => character.charCodeAt(0));
  demand(toBase64(bytes) === text, "It holds base64 that is not spelled right.");
  return bytes;
}

function fromBase64Url(text) {
  demand(/^[A-Za-z0-9_-]+$/.test(text), "It holds base64url that is not spelled right.");
  const standard = text.replaceAll("-", "+").replaceAll("_", "/");
  return fromBase64(standard + "=".repeat((4 - (standard.length % 4)) % 4));
}

function fromHash(text) {
  const bytes = fromBase64(text);
  demand(bytes.length === 32, "It holds a hash that is not 32 bytes long.");
  return bytes;
}

function fromCount(text) {
  demand(/^(0|[1-9][0-9]{0,14})$/.test(text), "It holds a number that is not spelled right.");
  return Number(text);
}

const isSame = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

const leafHash = (entry) => sha256(joined(Uint8Array.of(0), entry));

const nodeHash = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

async function isSignedBy(publicKey, signature, message) {
  const key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
}
