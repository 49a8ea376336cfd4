// Inclusion and consistency in the tree (RFC 9162, sections 2.1.3.2 and 2.1.4.2), and the files that carry them.

const PROOF_HASHES_MAX = 63;

const isOdd = (number) => number % 2 === 1;
const halved = (number) => Math.floor(number / 2);

async function rootByInclusion(leaf, index, size, path) {
  demand(index < size, "It says that the entry stands behind the end of the log.");
  let [first, last, root] = [index, size - 1, leaf];
  for (const hash of path) {
    demand(last > 0, "Its path has hashes too many.");
    if (isOdd(first) || first === last) {
      root = await nodeHash(hash, root);
      while (!isOdd(first) && first !== 0) [first, last] = [halved(first), halved(last)];
    } else {
      root = await nodeHash(root, hash);
    }
    [first, last] = [halved(first), halved(last)];
  }
  demand(last === 0, "Its path has hashes too few.");
  return root;
}

async function checkConsistency(older, newer, path) {
  demand(older.size <= newer.size, "The log has shrunk since.");
  if (older.size === newer.size || older.size === 0) {
    demand(path.length === 0, "It holds hashes where none are needed.");
    demand(older.size === 0 || isSame(older.root, newer.root), "Two checkpoints of the same size say different things.");
    return;
  }
  let [first, last] = [older.size - 1, newer.size - 1];
  while (isOdd(first)) [first, last] = [halved(first), halved(last)];
  const hashes = first === 0 ? [older.root, ...path] : path;
  demand(hashes.length > 0, "It holds hashes too few.");
  let [oldRoot, newRoot] = [hashes[0], hashes[0]];
  for (const hash of hashes.slice(1)) {
    demand(last > 0, "It holds hashes too many.");
    if (isOdd(first) || first === last) {
      oldRoot = await nodeHash(hash, oldRoot);
      newRoot = await nodeHash(hash, newRoot);
      while (!isOdd(first) && first !== 0) [first, last] = [halved(first), halved(last)];
    } else {
      newRoot = await nodeHash(newRoot, hash);
    }
    [first, last] = [halved(first), halved(last)];
  }
  demand(last === 0, "It holds hashes too few.");
  demand(isSame(oldRoot, older.root), "It does not lead to the older checkpoint: the past was changed.");
  demand(isSame(newRoot, newer.root), "It does not lead to the newer checkpoint.");
}

// Lines up to the empty one, then a checkpoint as it is.
function readHead(text) {
  const split = text.indexOf("\n\n");
  demand(split > 0, "It has no empty line before the checkpoint.");
  return { lines: text.slice(0, split).split("\n"), checkpoint: text.slice(split + 2) };
}

function readProof(text) {
  const { lines, checkpoint } = readHead(text);
  demand(lines.shift() === "c2sp.org/tlog-proof@v1", "It is not a proof of a kind that is known here.");
  if (lines[0]?.startsWith("extra ")) fromBase64(lines.shift().slice(6));
  const index = /^index (.*)$/.exec(lines.shift() ?? "");
  demand(index !== null, "It does not say where the entry stands.");
  demand(lines.length <= PROOF_HASHES_MAX, "Its path has hashes too many.");
  return { index: fromCount(index[1]), path: lines.map(fromHash), checkpoint };
}

function readConsistency(text) {
  const { lines, checkpoint } = readHead(text);
  const old = /^old (.*)$/.exec(lines.shift());
  demand(old !== null, "It does not say from where it leads.");
  demand(lines.length <= PROOF_HASHES_MAX, "It holds hashes too many.");
  return { old: fromCount(old[1]), path: lines.map(fromHash), checkpoint };
}
