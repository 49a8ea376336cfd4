// The page around the checks: choose, drop, paste; say it in green or in red.

const byId = (id) => document.getElementById(id);

const state = { files: null, name: "", own: [], policy: null };

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function fill(list, children) {
  list.replaceChildren(...children);
  list.hidden = children.length === 0;
}

function policyOfKeys(text) {
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  const isPolicy = lines.some((line) => /^(log|witness|group|quorum|#)( |\t|$)/.test(line));
  return isPolicy ? text : lines.map((line) => `log ${line}`).join("\n");
}

function policyText() {
  const typed = byId("own-policy").value;
  if (typed.trim() !== "") return policyOfKeys(typed);
  if (state.policy !== null) return state.policy;
  const inside = state.files.get("policy.txt");
  return inside === undefined ? null : utf8Text(inside);
}

function progress(done, all) {
  byId("state-text").textContent = all > 100 ? `Checking entry ${done} of ${all} …` : "Checking …";
  return new Promise((resolve) => setTimeout(resolve));
}

function say(kind, title, text) {
  const box = byId("state");
  box.className = `state state-${kind}`;
  byId("state-title").textContent = title;
  byId("state-text").textContent = text;
  box.hidden = false;
}

function showEntries(entries) {
  fill(byId("entries"), entries.filter((entry) => entry.fields).map((entry) => {
    const line = element("li");
    const head = element("p", "", "entry-head");
    head.append(element("span", String(entry.fields.rseq), "number"), element("strong", entry.fields.type), element("time", String(entry.fields.t)));
    line.append(head);
    const kept = (entry.fields._sd ?? []).length - entry.disclosed.length;
    const facts = Object.entries(entry.fields.facts ?? {}).map(([name, value]) => [name, String(value)]);
    const told = [...entry.disclosed, ...facts].map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`);
    if (kept > 0) told.push(kept === 1 ? "one personal field not shown here" : `${kept} personal fields not shown here`);
    if (told.length) line.append(element("p", told.join(" · "), "entry-told"));
    return line;
  }));
  byId("entries-part").hidden = entries.length === 0;
}

function showKeys(policy) {
  const keys = policy ? [...policy.logs.map((key) => ["Log", key]), ...[...policy.witnesses.values()].map((key) => ["Witness", key])] : [];
  fill(byId("keys"), keys.map(([kind, key]) => {
    const line = element("li");
    line.append(element("span", `${kind} ${key.name}`), element("code", key.text));
    return line;
  }));
  byId("keys-part").hidden = keys.length === 0;
  byId("keys-from-bundle").hidden = hasOwnKeys();
  byId("keys-own").hidden = !hasOwnKeys();
}

const hasOwnKeys = () => byId("own-policy").value.trim() !== "" || state.policy !== null;

function showReport(report) {
  const isGood = report.problems.length === 0;
  if (isGood) {
    const checkedText = `${counted(report.entries.length, "entry was", "entries were")} checked, and every one is in the sealed log.`;
    say("good", "Everything here is right", hasOwnKeys() ? checkedText : `${checkedText} One step is yours: compare the key below.`);
  } else {
    const more = report.problems.length - 1;
    const { file, text } = report.problems[0];
    say("bad", "This is not right", `${file ? `${file}: ` : ""}${text}${more > 0 ? ` And ${counted(more, "more problem", "more problems")} below.` : ""}`);
  }
  const listed = report.problems.length > 1 ? report.problems.slice(0, 50) : [];
  fill(byId("problems"), listed.map(({ file, text }) => {
    const line = element("li");
    if (file) line.append(element("code", file), " ");
    line.append(text);
    return line;
  }));
  fill(byId("rows"), report.rows.map(({ state: kind, title, detail }) => {
    const line = element("li", "", `row row-${kind}`);
    line.append(element("strong", title), element("span", detail));
    return line;
  }));
  byId("next-step").hidden = isGood;
  fill(byId("unread"), report.unread.map((name) => element("li", name)));
  byId("unread-part").hidden = report.unread.length === 0;
  showKeys(report.policy);
  showEntries(isGood ? report.entries : []);
  document.title = isGood ? "Right · Check a custody bundle" : "Not right · Check a custody bundle";
}

function clear() {
  for (const id of ["problems", "rows", "unread", "entries", "keys"]) fill(byId(id), []);
  for (const id of ["unread-part", "entries-part", "keys-part", "next-step"]) byId(id).hidden = true;
}

async function check() {
  if (state.files === null) return;
  clear();
  say("busy", "Checking …", state.name);
  try {
    showReport(await checked(state.files, policyText(), state.own, progress));
  } catch (error) {
    const isProblem = error instanceof Problem;
    say("bad", isProblem ? "This is not right" : "This could not be checked", isProblem ? `${error.file ? `${error.file}: ` : ""}${error.message}` : `This browser gave up: ${error.message}`);
  }
}

async function choose(chosen) {
  const list = [...chosen];
  if (list.length === 0) return;
  state.files = null;
  state.name = list.length === 1 ? list[0].name : `${list.length} files`;
  clear();
  say("busy", "Reading …", state.name);
  try {
    state.files = await collected(list);
  } catch (error) {
    say("bad", "This is not right", `${error.file ?? list[0].name}: ${error.message}`);
    return;
  }
  byId("own-part").hidden = false;
  await check();
}

async function chooseOwn(chosen) {
  state.own = [];
  for (const file of chosen) {
    try {
      const found = await collected([file]);
      const bytes = found.get("checkpoint") ?? (found.size === 1 ? [...found.values()][0] : undefined);
      if (bytes === undefined) throw new Problem("It holds no checkpoint.", file.name);
      state.own.push([file.name, bytes]);
    } catch (error) {
      say("bad", "This is not right", `${file.name}: ${error.message}`);
      return;
    }
  }
  await check();
}

async function canCheck() {
  if (!globalThis.crypto?.subtle) return false;
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32).fill(1), { name: "Ed25519" }, false, ["verify"]);
    return true;
  } catch (error) {
    return error.name !== "NotSupportedError";
  }
}

function listen() {
  byId("files").addEventListener("change", (event) => choose(event.target.files));
  byId("own-checkpoint").addEventListener("change", (event) => chooseOwn(event.target.files));
  byId("own-policy-file").addEventListener("change", async (event) => {
    const file = event.target.files[0];
    state.policy = file ? await file.text() : null;
    await check();
  });
  byId("check-again").addEventListener("click", check);
  const drop = byId("drop");
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("is-over");
    });
  }
  for (const name of ["dragleave", "drop"]) addEventListener(name, () => drop.classList.remove("is-over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    choose(event.dataTransfer.files);
  });
}

canCheck().then((isAble) => {
  byId("start").hidden = !isAble;
  byId("unable").hidden = isAble;
  if (isAble) listen();
});
