// Files as they were chosen: single ones, and those inside of a ZIP (stored or deflated).

const FILE_BYTES_MAX = 64 * 1024 * 1024;
const FILES_MAX = 200_000;

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;

function findEnd(view) {
  for (let at = view.byteLength - 22; at >= 0 && at >= view.byteLength - 22 - 0xffff; at -= 1) {
    if (view.getUint32(at, true) === END_OF_DIRECTORY) return at;
  }
  throw new Problem("It is not a whole ZIP file.");
}

async function inflated(bytes, size) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const whole = new Uint8Array(size);
  let at = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    demand(at + value.length <= size, "A file in it is longer than it says.");
    whole.set(value, at);
    at += value.length;
  }
  demand(at === size, "A file in it is shorter than it says.");
  return whole;
}

async function unpacked(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const files = [];
  try {
    const end = findEnd(view);
    const count = view.getUint16(end + 10, true);
    let at = view.getUint32(end + 16, true);
    demand(count < 0xffff && at < 0xffffffff, "It is too large for this page. Unpack it, and choose its files.");
    for (let number = 0; number < count; number += 1) {
      demand(view.getUint32(at, true) === DIRECTORY_ENTRY, "Its list of files is damaged.");
      const [method, packedSize, size] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
      const [nameSize, extraSize, noteSize] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
      const local = view.getUint32(at + 42, true);
      const name = utf8Text(bytes.subarray(at + 46, at + 46 + nameSize));
      at += 46 + nameSize + extraSize + noteSize;
      if (name.endsWith("/")) continue;
      demand(size <= FILE_BYTES_MAX, "A file in it is too large.");
      demand(view.getUint32(local, true) === LOCAL_ENTRY, "A file in it is damaged.");
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const packed = bytes.subarray(start, start + packedSize);
      demand(method === 0 || method === 8, "It is packed in a way that this page does not know.");
      files.push([name, method === 0 ? packed : await inflated(packed, size)]);
    }
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem("It is damaged and cannot be unpacked.");
  }
  return files;
}

// Folders say nothing here; one name twice would let somebody show one file and check the other.
async function collected(chosen) {
  const files = new Map();
  for (const file of chosen) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const isPacked = bytes.length > 3 && bytes[0] === 0x50 && bytes[1] === 0x4b;
    const found = isPacked ? await within(file.name, () => unpacked(bytes)) : [[file.name, bytes]];
    for (const [path, content] of found) {
      const name = path.split("/").pop();
      if (files.has(name)) throw new Problem("There are two files of this name.", name);
      files.set(name, content);
    }
    if (files.size > FILES_MAX) throw new Problem("These are too many files.", file.name);
  }
  return files;
}
