// Signed notes, checkpoints, cosignatures and policies (C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy).

const LOG_KEY = 1;
const WITNESS_KEY = 4;
const POST_QUANTUM_KEY = 6;
const SIGNATURES_MAX = 100;

function demandName(name) {
  demand(name !== "" && !/[\s+]/u.test(name), "It holds a key name that is not spelled right.");
}

// The base64 part often holds a plus sign: only the first two separate.
async function readKey(text) {
  const first = text.indexOf("+");
  const second = text.indexOf("+", first + 1);
  demand(first > 0 && second > 0, "It holds a key that is not spelled name+id+key.");
  const [name, id] = [text.slice(0, first), text.slice(first + 1, second)];
  demandName(name);
  const raw = fromBase64(text.slice(second + 1));
  demand(raw.length > 1, `The key of ${name} is empty.`);
  const digest = await sha256(joined(toUtf8(`${name}\n`), raw));
  demand(toHex(digest.slice(0, 4)) === id, `The key of ${name} does not have the number ${id}.`);
  const key = { name, id, type: raw[0], publicKey: raw.slice(1), text };
  if (key.type === LOG_KEY || key.type === WITNESS_KEY) {
    demand(key.publicKey.length === 32, `The key of ${name} has the wrong length.`);
  }
  return key;
}

async function readPolicy(text) {
  const policy = { logs: [], witnesses: new Map(), groups: new Map(), quorum: null };
  const used = new Set();
  const isKnown = (name) => policy.witnesses.has(name) || policy.groups.has(name);
  for (const line of text.split(/\r?\n/)) {
    const words = line.trim().split(/[ \t]+/);
    if (words[0] === "" || words[0].startsWith("#")) continue;
    if (words[0] === "log") {
      demand(words.length === 2 || words.length === 3, "A line of it that names a log is not spelled right.");
      policy.logs.push(await readKey(words[1]));
    } else if (words[0] === "witness") {
      demand(words.length === 3 || words.length === 4, "A line of it that names a witness is not spelled right.");
      demand(!isKnown(words[1]) && words[1] !== "none", `It names ${words[1]} twice.`);
      const key = await readKey(words[2]);
      demand(![...policy.witnesses.values()].some((other) => other.text === key.text), `It counts ${key.name} twice.`);
      policy.witnesses.set(words[1], key);
    } else if (words[0] === "group") {
      const [, name, threshold, ...members] = words;
      demand(members.length > 0 && !isKnown(name) && name !== "none", "A group of it is not spelled right.");
      for (const member of members) {
        demand(isKnown(member), `It names ${member} before saying who that is.`);
        demand(!used.has(member), `It counts ${member} twice.`);
        used.add(member);
      }
      const needed = { all: members.length, any: 1 }[threshold] ?? fromCount(threshold);
      demand(needed >= 1 && needed <= members.length, `The group ${name} can never be complete.`);
      policy.groups.set(name, { needed, members });
    } else if (words[0] === "quorum") {
      demand(policy.quorum === null && words.length === 2, "It must say once how many witnesses are needed.");
      demand(words[1] === "none" || isKnown(words[1]), `It names ${words[1]} without saying who that is.`);
      policy.quorum = words[1];
    } else {
      throw new Problem(`It holds a line that begins with “${words[0]}”.`);
    }
  }
  demand(policy.logs.length > 0, "It names no log.");
  policy.quorum ??= "none";
  return policy;
}

function isQuorumMet(policy, name, seen) {
  if (name === "none") return true;
  const group = policy.groups.get(name);
  if (group === undefined) return seen.has(name);
  return group.members.filter((member) => isQuorumMet(policy, member, seen)).length >= group.needed;
}

function readNote(text) {
  demand(!/[\u0000-\u0009\u000b-\u001f\u007f]/.test(text), "It holds a character that must not be there.");
  const split = text.lastIndexOf("\n\n");
  demand(split >= 0 && text.endsWith("\n"), "It is not a signed note.");
  const lines = text.slice(split + 2, -1).split("\n");
  demand(lines.length <= SIGNATURES_MAX, "It holds too many signatures.");
  const signatures = lines.map((line) => {
    const words = /^\u2014 ([^ ]+) ([^ ]+)$/u.exec(line);
    demand(words !== null, "A line of signature is not spelled right.");
    demandName(words[1]);
    const raw = fromBase64(words[2]);
    demand(raw.length > 4, "A signature is too short.");
    return { name: words[1], id: toHex(raw.slice(0, 4)), bytes: raw.slice(4) };
  });
  return { body: text.slice(0, split + 1), signatures };
}

async function readCheckpoint(text) {
  const note = readNote(text);
  const [origin, size, root, ...extensions] = note.body.slice(0, -1).split("\n");
  demand(origin && size !== undefined && root !== undefined, "It is not a checkpoint: it has fewer than three lines.");
  demand(!extensions.includes(""), "It holds an empty line.");
  const checkpoint = { origin, size: fromCount(size), root: fromHash(root), text, ...note };
  if (checkpoint.size === 0) {
    demand(isSame(checkpoint.root, await sha256(new Uint8Array())), "An empty log cannot have this root.");
  }
  return checkpoint;
}

function witnessTime(bytes) {
  demand(bytes.length === 72, "A witness’s signature has the wrong length.");
  const seconds = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
  demand(seconds < 2n ** 63n, "A witness’s signature has no possible time.");
  return seconds;
}

async function checkSignature(key, signature, note) {
  if (key.type === LOG_KEY) return isSignedBy(key.publicKey, signature.bytes, toUtf8(note.body));
  const time = witnessTime(signature.bytes);
  const message = toUtf8(`cosignature/v1\ntime ${time}\n${note.body}`);
  return isSignedBy(key.publicKey, signature.bytes.slice(8), message);
}

// An unknown signature says nothing. A known key's wrong signature says that somebody changed something.
async function openCheckpoint(text, policy) {
  const checkpoint = await readCheckpoint(text);
  const logs = policy.logs.filter((key) => key.name === checkpoint.origin);
  demand(logs.length > 0, `It is of the log ${checkpoint.origin}, which is not the one you trust.`);
  checkpoint.witnesses = new Map();
  let isOfLog = false;
  let isUnreadable = false;
  for (const signature of checkpoint.signatures) {
    const isBy = (key) => key.name === signature.name && key.id === signature.id;
    const log = logs.find(isBy);
    const witness = [...policy.witnesses].find(([, key]) => isBy(key));
    const key = log ?? witness?.[1];
    if (key === undefined) continue;
    if (key.type === POST_QUANTUM_KEY) {
      isUnreadable = true;
      continue;
    }
    demand(key.type === (log ? LOG_KEY : WITNESS_KEY), `The key of ${key.name} is of a kind that is not for this.`);
    demand(await checkSignature(key, signature, checkpoint), `The signature of ${key.name} is not right.`);
    if (log) isOfLog = true;
    else checkpoint.witnesses.set(witness[0], witnessTime(signature.bytes));
  }
  demand(isOfLog || !isUnreadable, "It is signed by ML-DSA alone, which browsers cannot check yet.");
  demand(isOfLog, "It is not signed by the key of the log that you trust.");
  checkpoint.isWitnessed = isQuorumMet(policy, policy.quorum, checkpoint.witnesses);
  return checkpoint;
}
