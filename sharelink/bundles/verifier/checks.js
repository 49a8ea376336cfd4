// What is checked of a bundle. Every problem is collected with its file; nothing is good while there is one.

const ENTRY_FILE = /^(\d{4,})\.(json|tlog-proof)$/;
const RECEIPTS = new Map([
  ["received", ["request.submitted"]],
  ["revealed", ["share.revealed"]],
  ["retrieved", ["request.retrieved"]],
  ["ended-unread", ["share.burned", "share.expired"]],
  ["destroyed", ["key.destroyed"]],
  ["custody-ended", ["custody.released", "custody.closed"]],
]);
const ISSUED = "custody.statement_issued";

class Bundle {
  constructor(files, policy, onProgress) {
    this.files = files;
    this.policy = policy;
    this.onProgress = onProgress;
    this.problems = [];
    this.rows = [];
    this.seen = new Set(["policy.txt", "README.txt", "verify.html"]);
    this.checkpoints = new Map();
  }

  add(error) {
    if (!(error instanceof Problem)) throw error;
    this.problems.push({ file: error.file, text: error.message });
  }

  // Runs `act` for `file`; a problem is noted, and the rest goes on.
  async attempt(file, act) {
    try {
      return await within(file, act);
    } catch (error) {
      this.add(error);
      return undefined;
    }
  }

  take(name) {
    this.seen.add(name);
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new Problem("This file is missing.", name);
    return bytes;
  }

  // The same text was checked once already in most files.
  opened(text) {
    if (!this.checkpoints.has(text)) this.checkpoints.set(text, openCheckpoint(text, this.policy));
    return this.checkpoints.get(text);
  }

  row(state, title, detail) {
    this.rows.push({ state, title, detail });
  }
}

// Canonical JSON (RFC 8785) as these logs use it: no fractions, no huge numbers. One spelling leaves no second meaning.
function canonical(value) {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    demand(Number.isSafeInteger(value), "It holds a number that is not exact.");
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

function readEntry(bytes) {
  const text = utf8Text(bytes);
  let fields;
  try {
    fields = JSON.parse(text);
  } catch {
    throw new Problem("It is not JSON.");
  }
  demand(fields !== null && typeof fields === "object" && !Array.isArray(fields), "It is not an entry of a log.");
  demand(canonical(fields) === text, "It is not spelled in the one way that entries are.");
  demand(typeof fields.type === "string" && typeof fields.rec === "string", "It is not an entry of a log.");
  demand(Array.isArray(fields._sd ?? []), "Its list of personal fields is damaged.");
  return fields;
}

async function checkEntry(bundle, name, proofName, checkpoint) {
  const bytes = bundle.take(name);
  const fields = await bundle.attempt(name, () => readEntry(bytes));
  const hash = await leafHash(bytes);
  const proved = await bundle.attempt(proofName, async () => {
    const proof = readProof(utf8Text(bundle.take(proofName)));
    const sealed = await bundle.opened(proof.checkpoint);
    demand(checkpoint === undefined || proof.checkpoint === checkpoint.text, "It is a proof for another checkpoint than the bundle’s.");
    const root = await rootByInclusion(hash, proof.index, sealed.size, proof.path);
    demand(isSame(root, sealed.root), `It does not prove ${name}: one of the two was changed.`);
    return { index: proof.index, sealed };
  });
  return { name, fields, hash, index: proved?.index, sealed: proved?.sealed, disclosed: [] };
}

function checkChain(bundle, entries) {
  let previous;
  for (const [position, entry] of entries.entries()) {
    const { fields, name } = entry;
    if (fields === undefined) {
      previous = undefined;
      continue;
    }
    try {
      demand(Number(name.slice(0, -5)) === position, `Entry ${position} is missing before it.`);
      demand(fields.rseq === position, `It says that it is entry ${fields.rseq}, and stands as entry ${position}.`);
      demand(fields.rec === entries[0].fields?.rec, "It is of another record.");
      if (position === 0) demand(fields.prev === null, "It says that entries went before it.");
      if (previous !== undefined) {
        demand(fields.prev === toBase64(previous.hash), `It does not follow on ${previous.name}: the chain is broken.`);
        const isLater = entry.index === undefined || previous.index === undefined || entry.index > previous.index;
        demand(isLater, `In the log it stands before ${previous.name}, which it follows.`);
      }
    } catch (error) {
      if (error instanceof Problem) error.file = name;
      bundle.add(error);
      return;
    }
    previous = entry;
  }
}

async function checkEntries(bundle, checkpoint) {
  const names = [...bundle.files.keys()].filter((name) => ENTRY_FILE.test(name));
  const numbers = [...new Set(names.map((name) => ENTRY_FILE.exec(name)[1]))].sort((one, other) => Number(one) - Number(other));
  const entries = [];
  for (const [position, number] of numbers.entries()) {
    const entry = await bundle.attempt(`${number}.json`, () => checkEntry(bundle, `${number}.json`, `${number}.tlog-proof`, checkpoint));
    if (entry !== undefined) entries.push(entry);
    if (position % 50 === 0) await bundle.onProgress(position, numbers.length);
  }
  checkChain(bundle, entries);
  return entries;
}

// A receipt says what happened by the name of its file: the entry in it must say the same, about the same thing.
async function checkReceipts(bundle, checkpoint) {
  const receipts = [];
  for (const [name, types] of RECEIPTS) {
    const files = [`${name}.json`, `${name}.tlog-proof`];
    if (!files.some((file) => bundle.files.has(file))) continue;
    const receipt = await bundle.attempt(files[0], async () => {
      const entry = await checkEntry(bundle, ...files, checkpoint);
      if (entry.fields === undefined) return entry;
      const { type, obj } = entry.fields;
      demand(types.includes(type), `It says “${type}”, and its name says something else.`);
      const other = receipts.find((known) => obj?.ref && known.fields?.obj?.ref && known.fields.obj.ref !== obj.ref);
      demand(other === undefined, `It is about another thing than ${other?.name}.`);
      return entry;
    });
    if (receipt !== undefined) receipts.push(receipt);
  }
  return receipts;
}

async function checkIssue(bundle, entries) {
  const page = bundle.files.get("statement.html");
  bundle.seen.add("statement.html");
  const last = entries.at(-1);
  const isIssue = last?.fields?.type === ISSUED;
  if (page === undefined) {
    if (!isIssue) bundle.row("note", "How far the list goes", "It does not end with the issue of a statement. That nothing was left out at its end cannot be seen from these files alone.");
    return;
  }
  await bundle.attempt(last?.name ?? "statement.html", () => demand(isIssue, "It is the last entry, and not the issue of this statement: entries were left out after it."));
  if (!isIssue) return;
  const said = last.fields.facts?.page_sha256;
  const digest = toBase64(await sha256(page));
  await bundle.attempt("statement.html", () => demand(digest === said, "It is not the page that was issued: it was changed."));
}

async function checkOlder(bundle, checkpoint, own) {
  const names = [...bundle.files.keys()].filter((name) => /^consistency-\d+-\d+$/.test(name));
  const proofs = new Map();
  for (const name of names) {
    await bundle.attempt(name, async () => {
      const proof = readConsistency(utf8Text(bundle.take(name)));
      demand(name === `consistency-${proof.old}-${checkpoint.size}`, "It does not say what its name says.");
      demand(proof.checkpoint === checkpoint.text, "It leads to another checkpoint than the bundle’s.");
      proofs.set(proof.old, { name, path: proof.path });
    });
  }
  const kept = [...bundle.files.keys()].filter((name) => /^checkpoint-\d+$/.test(name));
  const olders = [...kept.map((name) => [name, bundle.take(name)]), ...own];
  let witnessed = checkpoint.isWitnessed ? checkpoint : undefined;
  for (const [name, bytes] of olders) {
    await bundle.attempt(name, async () => {
      const older = await bundle.opened(utf8Text(bytes));
      demand(older.origin === checkpoint.origin, "It is of another log.");
      const proof = proofs.get(older.size);
      const isSelf = older.size === checkpoint.size || older.size === 0;
      demand(older.size <= checkpoint.size, "It is newer than this bundle: the log has shrunk, or this is an older bundle.");
      demand(isSelf || proof !== undefined, `This bundle does not prove what happened since entry ${older.size}. Ask for one that begins at this checkpoint.`);
      await within(proof?.name ?? name, () => checkConsistency(older, checkpoint, proof?.path ?? []));
      const isOwn = own.some(([other]) => other === name);
      bundle.row("good", isOwn ? "Your own checkpoint" : "An older checkpoint", `The log of ${older.size} entries that ${isOwn ? "you kept" : "was handed out or witnessed before"} is still there, unchanged, inside of this one.`);
      if (older.isWitnessed && older.size > (witnessed?.size ?? -1)) witnessed = older;
    });
  }
  // A witness sees the log now and then: what it saw must be the beginning of what is here.
  const quorum = `It lacks signatures of witnesses: the policy wants “${bundle.policy.quorum}”.`;
  await bundle.attempt("checkpoint", () => demand(witnessed !== undefined, quorum));
  if (witnessed !== undefined && witnessed !== checkpoint) {
    bundle.row("note", "Not witnessed yet", `Witnesses have signed the log up to ${counted(witnessed.size, "entry", "entries")}. Newer ones are signed by the log alone so far.`);
  }
  for (const { name } of [...proofs].filter(([old]) => !olders.some(([other]) => other === `checkpoint-${old}`)).map(([, proof]) => proof)) {
    if (own.length === 0) bundle.row("note", "Not used", `${name} leads from a checkpoint that is not here. Add the one that you kept.`);
  }
}

async function checkDisclosures(bundle, entries) {
  if (!bundle.files.has("disclosures.jsonl")) return 0;
  const digests = new Map();
  for (const entry of entries) {
    for (const digest of entry.fields?._sd ?? []) digests.set(digest, entry);
  }
  let count = 0;
  const used = new Set();
  await bundle.attempt("disclosures.jsonl", async () => {
    const lines = utf8Text(bundle.take("disclosures.jsonl")).split("\n").filter((line) => line !== "");
    for (const [at, line] of lines.entries()) {
      const where = `Line ${at + 1}`;
      let given;
      try {
        given = JSON.parse(line);
      } catch {
        throw new Problem(`${where} is not JSON.`);
      }
      demand(typeof given?.disclosure === "string", `${where} holds no disclosure.`);
      const digest = toBase64Url(await sha256(toUtf8(given.disclosure)));
      const entry = digests.get(digest);
      demand(entry !== undefined, `${where} was changed: no entry of the log holds it.`);
      demand(given.entry === entry.fields.rseq, `${where} says entry ${given.entry}, and belongs to entry ${entry.fields.rseq}.`);
      demand(!used.has(digest), `${where} is there twice.`);
      used.add(digest);
      const content = JSON.parse(utf8Text(fromBase64Url(given.disclosure)));
      demand(Array.isArray(content) && content.length === 3, `${where} is not salt, name and value.`);
      entry.disclosed.push([String(content[1]), String(content[2])]);
      count += 1;
    }
  });
  return count;
}

function counted(number, one, many) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

function describe(bundle, checkpoint, entries, receipts, disclosures) {
  const seals = [...checkpoint.witnesses].map(([name, seconds]) => `${name} (${new Date(Number(seconds) * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC)`);
  bundle.row("good", "The seal", `The log ${checkpoint.origin} of ${counted(checkpoint.size, "entry", "entries")} is signed by its key${seals.length ? `, and by its witnesses ${seals.join(", ")}` : "; no witness has signed it"}.`);
  if (entries.length) bundle.row("good", "The entries", `${counted(entries.length, "entry is", "entries are")} in that log as they are here, numbered from 0 to ${entries.length - 1} without a gap, each following on the one before.`);
  for (const { name, fields } of receipts) bundle.row("good", "The receipt", `${name}: the entry “${fields.type}” of ${fields.t} is in that log as it is here.`);
  if (disclosures) bundle.row("good", "Names and words", `${counted(disclosures, "personal field is", "personal fields are")} as they were logged.`);
  if (bundle.files.has("statement.html")) bundle.row("good", "The page to read", "statement.html is the page that was issued, to the letter.");
}

// The whole check. `own` holds checkpoints that the reader kept: [name, bytes].
async function checked(files, policyText, own, onProgress) {
  let policy;
  try {
    policy = await within("policy.txt", () => {
      demand(policyText !== null, "This file is missing. Paste the key of the log, as it stands in your contract.");
      return readPolicy(policyText);
    });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { problems: [{ file: error.file, text: error.message }], rows: [], entries: [], policy: null, unread: [] };
  }
  const bundle = new Bundle(files, policy, onProgress);
  let checkpoint;
  if (files.has("checkpoint")) {
    checkpoint = await bundle.attempt("checkpoint", () => bundle.opened(utf8Text(bundle.take("checkpoint"))));
  } else if (files.has("statement.html")) {
    bundle.add(new Problem("This file is missing.", "checkpoint"));
  }
  const entries = await checkEntries(bundle, checkpoint);
  const receipts = await checkReceipts(bundle, checkpoint);
  const all = [...entries, ...receipts];
  if (!all.length && !bundle.problems.length) bundle.add(new Problem("There are no entries among these files.", ""));
  if (entries.length) await checkIssue(bundle, entries);
  checkpoint ??= all.map((entry) => entry.sealed).find((sealed) => sealed !== undefined);
  if (checkpoint) await checkOlder(bundle, checkpoint, own);
  const disclosures = await checkDisclosures(bundle, all);
  if (!bundle.problems.length) describe(bundle, checkpoint, entries, receipts, disclosures);
  else bundle.rows = [];
  const unread = [...files.keys()].filter((name) => !bundle.seen.has(name) && !ENTRY_FILE.test(name));
  return { problems: bundle.problems, rows: bundle.rows, entries: all, policy, checkpoint, unread };
}
