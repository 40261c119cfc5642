#!/usr/bin/env node
// @ts-check
/**
 * Unpacks a restore point of erlmcp backup (format 1) into plain files. Needs Node 22.15 or later, and nothing else.
 *
 *     node rescue.mjs RESTORE_POINT --to DIR [--key FILE]
 *
 * RESTORE_POINT is a folder such as erlmcp_full_20260202_120000; what an incremental depends on lies beside it. DIR is new
 * or empty. Everything that is read is checked; what is damaged is named and not written, all else is. Written from
 * packages/pack/FORMAT.md and packages/manifest/FORMAT.md, sharing no code with the jobs.
 *
 * Exit status: 0 done · 1 failed · 2 usage, unknown format · 3 written, but not everything could be set as it was or the
 * restore point was not complete · 4 damaged · 5 no such restore point · 7 wrong or missing key.
 */
import { createDecipheriv, createHash, createHmac, hkdfSync, scryptSync, timingSafeEqual } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import * as zlib from "node:zlib";

class Failure extends Error {
  /** @param {number} status exit status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
/** @param {string} message @returns {never} */
const damaged = (message) => {
  throw new Failure(4, message);
};
/** A number that leads out of a buffer, or nesting deeper than the stack, is damage too. @param {unknown} error */
const isDamage = (error) => (error instanceof Failure && error.status === 4) || error instanceof RangeError;
/** @param {unknown} error */
const textOf = (error) => (error instanceof Error ? error.message : String(error));
/** No control character of a name reaches the terminal. @param {string} text */
const plain = (text) => text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
/** @param {string} text */
const say = (text) => process.stdout.write(`${plain(text)}\n`);
const root = process.getuid?.() === 0;

// ---------------------------------------------------------------- values that were read, which may be anything

/** @typedef {{ bytes: number, depth: number, chunks: unknown[] }} Content */
/** @typedef {Record<string, unknown>} Fields */
/** @param {unknown} value @param {string} what @returns {Fields} */
const fields = (value, what) =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : damaged(`${what} is no object`);
/** @param {unknown} value @param {string} what @returns {unknown[]} */
const list = (value, what) => (Array.isArray(value) ? value : damaged(`${what} is no list`));
/** @param {unknown} value @param {string} what */
const text = (value, what) => (typeof value === "string" ? value : damaged(`${what} is no text`));
/** @param {unknown} value @param {string} what @param {number} max */
const count = (value, what, max = Number.MAX_SAFE_INTEGER) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max
    ? value
    : damaged(`${what} is no number up to ${max}`);
/** @param {unknown} value @param {string} what @returns {Content} */
function contentRef(value, what) {
  const { bytes, depth, chunks } = fields(value, what);
  return { bytes: count(bytes, what), depth: count(depth, what, 6), chunks: list(chunks, what) };
}
/** A name: text, or `{ b64 }` where it is no UTF-8. @param {unknown} value @param {string} what @returns {Buffer} */
const bytesOf = (value, what) =>
  typeof value === "string" ? Buffer.from(value) : Buffer.from(text(fields(value, what)["b64"], what), "base64");

/** @param {Buffer} bytes @param {string} what @returns {unknown} */
function json(bytes, what) {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return damaged(`${what} is no JSON`);
  }
}
/** Canonical JSON: members in the order of their names. @param {unknown} value @param {number} [indent] */
const canonical = (value, indent) =>
  JSON.stringify(
    value,
    (_, member) =>
      typeof member === "object" && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : member,
    indent,
  );

// ---------------------------------------------------------------- keys and seals

/** @param {Uint8Array} secret @param {string} label @param {number} length */
const hkdf = (secret, label, length = 32) =>
  Buffer.from(hkdfSync("sha256", secret, Buffer.alloc(0), `erlmcp-backup/1 ${label}`, length));
/** @param {Uint8Array} key @param {...Uint8Array} parts */
const hmac = (key, ...parts) => createHmac("sha256", key).update(Buffer.concat(parts)).digest();
/** @param {...Uint8Array} parts */
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
/** @param {Uint8Array} a @param {Uint8Array} b */
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

/** 32 bytes that nobody typed. @param {Buffer} bytes */
const raw = (bytes) => bytes.length === 32 && bytes.some((byte) => byte < 0x20 || byte > 0x7e);

/** 32 raw bytes, 64 hex digits, 43 to 44 base64 characters; else a passphrase. @param {Buffer} file */
function keyOf(file) {
  const line = Buffer.from(file.toString("latin1").replace(/\r?\n$/, ""), "latin1");
  const written = line.toString("latin1");
  if (raw(file)) return { secret: file, stretched: false };
  if (raw(line)) return { secret: line, stretched: false };
  if (/^[0-9a-f]{64}$/i.test(written)) return { secret: Buffer.from(written, "hex"), stretched: false };
  if (/^([\w-]{43}|[A-Za-z0-9+/]{43})=?$/.test(written)) {
    return { secret: Buffer.from(written, "base64"), stretched: false };
  }
  return { secret: line, stretched: true };
}

/** D and G, from the slot that the key fits. @param {unknown[]} slots @param {Buffer} keyFile @param {string} where */
function unwrap(slots, keyFile, where) {
  const { secret, stretched } = keyOf(keyFile);
  for (const one of slots) {
    const slot = fields(one, `${where}: a key slot`);
    const { kdf, salt, n, r, p } = fields(slot["derivation"], `${where}: a key slot`);
    if (kdf !== (stretched ? "scrypt" : "hkdf-sha256")) continue;
    if (stretched && (n !== 131_072 || r !== 8 || p !== 1)) damaged(`${where}: unknown scrypt parameters`);
    const options = { N: 131_072, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
    const kek = stretched
      ? scryptSync(secret, Buffer.from(text(salt, where), "base64"), 32, options)
      : hkdf(secret, "key encryption");
    const id = hkdf(kek, "key id", 8).toString("hex");
    if (slot["key_id"] !== id) continue;
    const wrapped = Buffer.from(text(slot["wrapped"], where), "base64");
    const aad = Buffer.from(`erlmcp-backup/1 slot ${id}`);
    const opened = openGcm(kek, wrapped.subarray(0, 12), wrapped.subarray(12), aad);
    if (opened?.length !== 64) return damaged(`${where}: the key slot ${id} does not open`);
    return { dataKey: opened.subarray(0, 32), generationKey: opened.subarray(32) };
  }
  throw new Failure(7, `${where}: the key is not the one it was made with`);
}

/** @param {Buffer} key @param {Buffer} nonce @param {Buffer} sealed @param {Buffer} aad @returns {Buffer | undefined} */
function openGcm(key, nonce, sealed, aad) {
  if (nonce.length !== 12 || sealed.length < 16) return undefined;
  const cipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad).setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
  } catch {
    return undefined;
  }
}

/** @typedef {{ cipher: string, seal: Buffer, mac: Buffer }} SealKeys */
/** Opens what is sealed and stands where it says. @param {SealKeys} keys @param {number} kind @param {number} number
 * @param {number} offset @param {Buffer} sealed @param {string} where @returns {Buffer} */
function open({ cipher, seal, mac }, kind, number, offset, sealed, where) {
  const header = Buffer.alloc(24);
  header.write("erlmcpbk");
  header.writeUInt16BE(1, 8);
  header.writeUInt16BE(kind, 10);
  header.writeUInt32BE(number, 12);
  header.writeBigUInt64BE(BigInt(offset), 16);
  if (cipher === "none") {
    const bytes = sealed.subarray(0, -16);
    return same(sha256(header, bytes).subarray(0, 16), sealed.subarray(-16)) ? bytes : damaged(`${where} is damaged`);
  }
  if (cipher === "aes-256-gcm") {
    const inPack = kind === 1; // its nonce is its place; documents carry theirs
    const nonce = inPack ? header.subarray(12) : sealed.subarray(0, 12);
    return openGcm(seal, nonce, inPack ? sealed : sealed.subarray(12), header) ?? damaged(`${where} is damaged`);
  }
  const end = sealed.length - 32;
  if (end < 32 || !same(hmac(mac, header, sealed.subarray(0, end)), sealed.subarray(end)))
    damaged(`${where} is damaged`);
  const decipher = createDecipheriv("aes-256-cbc", seal, sealed.subarray(0, 16));
  return Buffer.concat([decipher.update(sealed.subarray(16, end)), decipher.final()]);
}

// ---------------------------------------------------------------- manifest and index

const members =
  "base chunking cipher complete contents depends_on finished_at format host id index key_slots packs retention_days service sizes started_at tool type";

/** @param {string} folder @param {Buffer | undefined} keyFile */
async function readManifest(folder, keyFile) {
  const where = `${basename(folder)}/manifest.json`;
  const bytes = await fs.readFile(join(folder, "manifest.json")).catch((error) => {
    throw new Failure(5, `${folder} is no restore point, or not all of it: ${textOf(error)}`);
  });
  const doc = fields(json(bytes, where), where);
  if (doc["format"] !== 1) throw new Failure(2, `${where}: format ${String(doc["format"])} is unknown to this reader`);
  const { mac, ...signed } = doc;
  const extra = Object.keys(signed).find((name) => !members.split(" ").includes(name));
  if (extra !== undefined) damaged(`${where}: unknown member ${extra}`);
  if (`${canonical(doc, 2)}\n` !== bytes.toString("utf8")) damaged(`${where} is not spelled canonically`);
  if (doc["id"] !== basename(folder)) damaged(`${where} is that of ${String(doc["id"])}`);
  const cipher = text(doc["cipher"], where);
  if (!["none", "aes-256-gcm", "aes-256-cbc"].includes(cipher)) throw new Failure(2, `${where}: cipher ${cipher}`);
  const packs = list(doc["packs"], where).map((pack) => count(fields(pack, where)["bytes"], where, 2 ** 30));
  const dependsOn = list(doc["depends_on"], where).map((id) => text(id, where));
  const common = { folder, cipher, packs, dependsOn, complete: doc["complete"] === true };
  if (cipher === "none") {
    await checkSum(folder, bytes);
    const none = { cipher, seal: Buffer.alloc(0), mac: Buffer.alloc(0) };
    return {
      ...common,
      packKeys: none,
      documentKeys: none,
      idKey: undefined,
      contents: fields(doc["contents"], where),
    };
  }
  if (keyFile === undefined) throw new Failure(7, `${where}: it is encrypted, give its key with --key FILE`);
  const { dataKey, generationKey } = unwrap(list(doc["key_slots"], where), keyFile, where);
  const computed = hmac(hkdf(dataKey, "manifest mac"), Buffer.from(canonical(signed)));
  if (!same(computed, Buffer.from(text(mac, where), "base64"))) damaged(`${where}: its MAC is wrong`);
  /** @param {string} label */
  const sealing = (label) => ({ cipher, seal: hkdf(dataKey, label), mac: hkdf(dataKey, `${label} mac`) });
  const documentKeys = sealing("document seal");
  const sealed = Buffer.from(text(doc["contents"], where), "base64");
  const contents = json(open(documentKeys, 4, 0, 0, sealed, where), where);
  const idKey = hkdf(generationKey, "chunk id");
  return { ...common, packKeys: sealing("pack seal"), documentKeys, idKey, contents: fields(contents, where) };
}

/** Without a key, checksums.sha256 vouches for the manifest. @param {string} folder @param {Buffer} manifest */
async function checkSum(folder, manifest) {
  const lines = (await fs.readFile(join(folder, "checksums.sha256"), "utf8").catch(() => "")).split("\n");
  const [line] = lines.filter((one) => one.endsWith("  manifest.json"));
  if (line !== `${sha256(manifest).toString("hex")}  manifest.json`) {
    damaged(`${basename(folder)}: manifest.json is not what checksums.sha256 says`);
  }
}

/** @typedef {Awaited<ReturnType<typeof readManifest>>} Manifest */
/** @typedef {Manifest & { segments: Buffer, records: Buffer }} Point */
const segmentBytes = 20;
const recordBytes = 44;

/** @param {Manifest} manifest @returns {Promise<Point>} */
async function openPoint(manifest) {
  const where = `${basename(manifest.folder)}/chunks.idx`;
  const file = await fs
    .open(join(manifest.folder, "chunks.idx"))
    .catch((error) => damaged(`${where}: ${textOf(error)}`));
  try {
    const { size } = await file.stat();
    /** @param {number} offset @param {number} length */
    const read = async (offset, length) => {
      if (offset + length > size) damaged(`${where} is cut short`);
      return (await file.read(Buffer.alloc(length), 0, length, offset)).buffer;
    };
    const head = await read(0, 16);
    if (head.toString("latin1", 0, 8) !== "erlmcpIX" || head.readUInt32BE(8) !== 1) damaged(`${where}: unknown header`);
    let tables = Buffer.alloc(0); // segment records, then chunk records
    let expected = -1;
    let filled = 0;
    let segmentsEnd = 0;
    for (let offset = 16, number = 0; offset < size; number += 1) {
      const length = (await read(offset, 4)).readUInt32BE(0);
      const sealed = await read(offset + 4, length);
      const bytes = open(manifest.documentKeys, 3, number, offset, sealed, `${where}, frame ${number}`);
      if (number === 0) {
        segmentsEnd = bytes.readUInt32BE(0) * segmentBytes;
        expected = segmentsEnd + bytes.readUInt32BE(4) * recordBytes;
        if (expected > size) damaged(`${where} is cut short`);
        tables = Buffer.alloc(expected);
      } else if (filled + bytes.length > expected) damaged(`${where} holds too much`);
      else filled += bytes.copy(tables, filled);
      offset += 4 + length;
    }
    if (filled !== expected) damaged(`${where} is cut short`);
    return { ...manifest, segments: tables.subarray(0, segmentsEnd), records: tables.subarray(segmentsEnd) };
  } finally {
    await file.close();
  }
}

// ---------------------------------------------------------------- chunks and contents

const cachedSegments = 24; // of 1 MiB each, 4 MiB at most

class Reader {
  /** @param {Point[]} points the restore point first, then what it depends on */
  constructor(points) {
    this.points = points;
    /** @type {Map<string, Buffer>} */
    this.cache = new Map();
  }

  /** @param {Buffer} id */
  chunk(id) {
    for (const point of this.points) {
      const found = find(point.records, id);
      if (found === undefined) continue;
      const segment = found.readUInt32BE(32);
      const offset = found.readUInt32BE(36);
      const length = found.readUInt32BE(40);
      const bytes = this.segment(point, segment).subarray(offset, offset + length);
      const idKey = this.points[0]?.idKey;
      const computed = idKey === undefined ? sha256(bytes) : hmac(idKey, bytes);
      if (bytes.length === length && length > 0 && same(computed, id)) return bytes;
      damaged(`chunk ${id.toString("hex")} in ${basename(point.folder)}, segment ${segment}, is damaged`);
    }
    return damaged(`chunk ${id.toString("hex")} is in no index`);
  }

  /** @param {Point} point @param {number} number @returns {Buffer} */
  segment(point, number) {
    const name = `${point.folder}/${number}`;
    const bytes = this.cache.get(name) ?? readSegment(point, number);
    this.cache.delete(name);
    this.cache.set(name, bytes);
    for (const oldest of this.cache.keys()) {
      if (this.cache.size <= cachedSegments) break;
      this.cache.delete(oldest);
    }
    return bytes;
  }

  /** Yields all bytes of a content, checked. @param {Content} ref @returns {Generator<Buffer>} */
  *read({ bytes, depth, chunks }) {
    let total = 0;
    const top = chunks.map((id) => ({ id: Buffer.from(text(id, "a chunk ID"), "hex"), length: undefined }));
    for (const { id, length } of this.leaves(depth, top)) {
      const chunk = this.chunk(id);
      total += chunk.length;
      if (total > bytes || (length !== undefined && length !== chunk.length))
        damaged("a length in its content is wrong");
      yield chunk;
    }
    if (total !== bytes) damaged(`its content has ${total} bytes instead of ${bytes}`);
  }

  /** @param {number} depth @param {Iterable<{ id: Buffer, length: number | undefined }>} refs
   * @returns {Iterable<{ id: Buffer, length: number | undefined }>} */
  leaves(depth, refs) {
    return depth === 0 ? refs : this.leaves(depth - 1, this.references(refs));
  }

  /** @param {Iterable<{ id: Buffer }>} refs */
  *references(refs) {
    let rest = Buffer.alloc(0);
    for (const { id } of refs) {
      rest = Buffer.concat([rest, this.chunk(id)]);
      for (; rest.length >= 36; rest = rest.subarray(36)) {
        yield { id: Buffer.from(rest.subarray(0, 32)), length: rest.readUInt32BE(32) };
      }
    }
    if (rest.length > 0) damaged("a list of chunks is cut short");
  }
}

/** The record of a chunk, by bisection. @param {Buffer} records @param {Buffer} id */
function find(records, id) {
  let low = 0;
  let high = records.length / recordBytes;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const record = records.subarray(middle * recordBytes, (middle + 1) * recordBytes);
    const order = Buffer.compare(record.subarray(0, 32), id);
    if (order === 0) return record;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return undefined;
}

/** @param {Point} point @param {number} number @returns {Buffer} */
function readSegment(point, number) {
  const at = number * segmentBytes;
  if (at >= point.segments.length) damaged(`${basename(point.folder)}/chunks.idx has no segment ${number}`);
  const [pack = 0, offset = 0, sealedBytes = 0, plainBytes = 0, encoding = 0] = [0, 4, 8, 12, 16].map((field) =>
    point.segments.readUInt32BE(at + field),
  );
  const name = `packs/${String(pack).padStart(6, "0")}.pack`;
  const where = `${basename(point.folder)}/${name}, segment at ${offset}`;
  if (plainBytes > 2 ** 22 || sealedBytes > 2 ** 23 || offset + sealedBytes > (point.packs[pack - 1] ?? 0)) {
    damaged(`${where}: its place or length is impossible`);
  }
  const sealed = readAt(join(point.folder, name), offset, sealedBytes, where);
  const stored = open(point.packKeys, 1, pack, offset, sealed, where);
  if (encoding > 1) damaged(`${where}: unknown encoding ${encoding}`);
  try {
    const bytes = encoding === 0 ? stored : zlib.zstdDecompressSync(stored, { maxOutputLength: plainBytes + 1 });
    if (bytes.length === plainBytes) return bytes;
  } catch {
    // said below
  }
  return damaged(`${where} does not decompress to ${plainBytes} bytes`);
}

/** @param {string} path @param {number} offset @param {number} length @param {string} where */
function readAt(path, offset, length, where) {
  const bytes = Buffer.alloc(length);
  try {
    const file = openSync(path, "r");
    try {
      if (readSync(file, bytes, 0, length, offset) === length) return bytes;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return damaged(`${where}: ${textOf(error)}`);
  }
  return damaged(`${where} is cut short`);
}

/** Yields what is between line ends. @param {Iterable<Buffer>} pieces */
function* linesOf(pieces) {
  let rest = Buffer.alloc(0);
  for (const piece of pieces) {
    rest = Buffer.concat([rest, piece]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield rest.subarray(0, end);
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 2 ** 24) damaged("a line is longer than 16 MiB");
  }
  if (rest.length > 0) damaged("the last line is cut short");
}

// ---------------------------------------------------------------- what is written

/** What could not be written, and what could not be set as it was. */
class Outcome {
  damaged = 0;
  failed = 0;
  /** @type {Map<string, number>} */
  unset = new Map();

  /** Names what is wrong with one thing, and goes on with the next. @param {string} what @param {unknown} error */
  take(what, error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (isDamage(error)) this.damaged += 1;
    else if (["ENAMETOOLONG", "EEXIST", "EINVAL", "EILSEQ", "ENOTDIR"].includes(code)) this.failed += 1;
    else throw error;
    process.stderr.write(`${plain(`${isDamage(error) ? "damaged" : "not written"}: ${what}: ${textOf(error)}`)}\n`);
  }

  /** @param {string} what */
  left(what) {
    this.unset.set(what, (this.unset.get(what) ?? 0) + 1);
  }
}

/** @typedef {{ reader: Reader, outcome: Outcome }} Work */

/** One path element of any name. @param {string} name */
function fileName(name) {
  const safe = name.replaceAll(/[%/\\\p{Cc}]/gu, (c) => `%${Buffer.from(c).toString("hex").toUpperCase()}`);
  const bytes = Buffer.from(/^\.{0,2}$/.test(safe) ? `%${safe}` : safe);
  return bytes.length <= 200
    ? bytes.toString()
    : `${bytes.toString("utf8", 0, 150)}~${sha256(bytes).toString("hex", 0, 8)}`;
}

/** The names of a path, none of which leads elsewhere. @param {Buffer} path */
function namesOf(path) {
  const names = path.toString("latin1").split("/");
  if (names.some((name) => ["", ".", ".."].includes(name) || name.includes("\0"))) damaged("its path leads elsewhere");
  return names;
}

/** Writes a new file, or none. @param {string | Buffer} path @param {(file: fs.FileHandle) => Promise<void>} fill */
async function newFile(path, fill) {
  const file = await fs.open(path, "wx", 0o600);
  try {
    await fill(file);
  } catch (error) {
    await fs.unlink(path);
    throw error;
  } finally {
    await file.close();
  }
}

/** @param {fs.FileHandle} file @param {Buffer} bytes @param {number} offset */
async function writeAll(file, bytes, offset) {
  for (let done = 0; done < bytes.length;) {
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}

/** @param {fs.FileHandle} file @param {Iterable<Buffer>} pieces @param {[number, number][]} extents where they go */
async function writeExtents(file, pieces, extents) {
  let [offset, left] = [0, 0];
  const next = extents[Symbol.iterator]();
  for (let piece of pieces) {
    while (piece.length > 0) {
      if (left === 0) [offset, left] = next.next().value ?? damaged("its content is longer than its sparse map");
      const part = piece.subarray(0, left);
      await writeAll(file, part, offset);
      [offset, left, piece] = [offset + part.length, left - part.length, piece.subarray(part.length)];
    }
  }
}

/** @param {unknown} sparse @param {number} size @param {number} bytes @returns {[number, number][]} */
function extentsOf(sparse, size, bytes) {
  if (sparse === undefined) return size === bytes ? [[0, size]] : damaged("its size is not that of its content");
  let end = 0;
  let sum = 0;
  /** @type {[number, number][]} */
  const extents = list(sparse, "its sparse map").map((one) => {
    const [offset, length] = list(one, "its sparse map").map((number) => count(number, "its sparse map"));
    if (offset === undefined || length === undefined || offset < end) return damaged("its sparse map is wrong");
    end = offset + length;
    sum += length;
    return [offset, length];
  });
  if (end > size || sum !== bytes) damaged("its sparse map is wrong");
  return extents.filter(([, length]) => length > 0);
}

const unmakeable = "fifos and devices are not made";

/** A tree of files. Every folder that something is written into was made here, and is no symbolic link. */
class Tree {
  /** @param {Buffer} target @param {Work} work */
  constructor(target, { reader, outcome }) {
    this.target = target;
    this.reader = reader;
    this.outcome = outcome;
    this.parent = "";
    /** Folders that more may come into. @type {{ path: Buffer, entry: Fields }[]} */
    this.open = [];
    /** Paths in latin1 of what Node cannot make, and further names therefore cannot have. @type {Set<string>} */
    this.unmade = new Set();
  }

  /** @param {Buffer} path */
  in(path) {
    return path.length === 0 ? this.target : Buffer.concat([this.target, Buffer.from("/"), path]);
  }

  /** @param {Buffer} path @param {Fields} entry */
  async place(path, entry) {
    await this.finish(path);
    if (path.length === 0 && entry["kind"] !== "folder") damaged("the root is no folder");
    if (path.length > 0) await this.checkParents(namesOf(path).slice(0, -1).join("/"));
    if (entry["xattrs"] !== undefined) this.outcome.left("extended attributes and ACLs are not set");
    if (!root) this.outcome.left("owners are not set, which takes root");
    const at = this.in(path);
    const { mode, uid, gid, mtime } = this.attributes(entry);
    switch (entry["kind"]) {
      case "folder":
        if (path.length > 0) await fs.mkdir(at, 0o700);
        this.open.push({ path, entry });
        return;
      case "file":
        return newFile(at, async (file) => {
          const content = contentRef(entry["content"], "content");
          const size = count(entry["size"], "size");
          await writeExtents(file, this.reader.read(content), extentsOf(entry["sparse"], size, content.bytes));
          await file.truncate(size);
          if (root) await file.chown(uid, gid);
          await file.chmod(mode);
          await file.utimes(mtime, mtime);
        });
      case "symlink":
        await fs.symlink(bytesOf(entry["target"], "target"), at);
        if (root) await fs.lchown(at, uid, gid);
        return fs.lutimes(at, mtime, mtime);
      case "hardlink":
        return this.link(bytesOf(entry["target"], "target"), at);
      case "fifo":
      case "chardev":
      case "blockdev":
        this.unmade.add(path.toString("latin1"));
        return this.outcome.left(unmakeable);
      default:
        return damaged(`unknown kind ${String(entry["kind"])}`);
    }
  }

  /** @param {Fields} entry */
  attributes(entry) {
    const time = text(entry["mtime"], "mtime");
    if (!/^-?\d{1,19}$/.test(time)) damaged("its time is none");
    return {
      mode: count(entry["mode"], "mode", 0o7777),
      uid: count(entry["uid"], "uid", 2 ** 32 - 2),
      gid: count(entry["gid"], "gid", 2 ** 32 - 2),
      mtime: String(Number(BigInt(time) / 1000n) / 1e6), // seconds; as text, because Node takes a number before 1970 for now
    };
  }

  /** @param {Buffer} first path of the first name @param {Buffer} at */
  async link(first, at) {
    await this.checkParents(namesOf(first).slice(0, -1).join("/"));
    const found = await fs.lstat(this.in(first)).catch(() => undefined);
    if (found === undefined && this.unmade.has(first.toString("latin1"))) return this.outcome.left(unmakeable);
    if (!found?.isFile() && !found?.isSymbolicLink()) damaged("the file that it is a further name of is not there");
    await fs.link(this.in(first), at);
  }

  /** @param {string} parent in latin1 */
  async checkParents(parent) {
    if (parent === this.parent) return;
    const names = parent === "" ? [] : parent.split("/");
    for (let depth = 1; depth <= names.length; depth += 1) {
      const folder = this.in(Buffer.from(names.slice(0, depth).join("/"), "latin1"));
      const found = await fs.lstat(folder).catch(() => undefined);
      if (found === undefined) await fs.mkdir(folder, 0o700);
      else if (!found.isDirectory()) damaged("what it lies in is no folder");
    }
    this.parent = parent;
  }

  /** Gives folders that nothing more comes into their attributes. @param {Buffer} [next] path of the next entry */
  async finish(next) {
    for (let top = this.open.at(-1); top !== undefined && !isIn(next, top.path); top = this.open.at(-1)) {
      this.open.pop();
      const at = this.in(top.path);
      const { mode, uid, gid, mtime } = this.attributes(top.entry);
      if (root) await fs.chown(at, uid, gid);
      await fs.chmod(at, mode);
      await fs.utimes(at, mtime, mtime);
    }
  }
}

/** @param {Buffer | undefined} path @param {Buffer} folder */
const isIn = (path, folder) =>
  path !== undefined && (folder.length === 0 || path.toString("latin1").startsWith(`${folder.toString("latin1")}/`));

/** As paths are ordered: by their bytes, "/" before all others. @param {Buffer} path */
const orderOf = (path) => Buffer.from(path.map((byte) => (byte === 0x2f ? 0 : byte)));

/** Rows are frames of a length and a term. @param {Iterable<Buffer>} pieces @param {number} rows @returns {Iterable<Buffer>} */
function* checkedRows(pieces, rows) {
  let [seen, skip] = [0, 0];
  let head = Buffer.alloc(0);
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const step = Math.min(skip > 0 ? skip : 4 - head.length, piece.length - at);
      if (skip > 0) skip -= step;
      else head = Buffer.concat([head, piece.subarray(at, at + step)]);
      at += step;
      if (head.length < 4) continue;
      skip = head.readUInt32BE(0);
      head = Buffer.alloc(0);
      seen += 1;
    }
    yield piece;
  }
  if (skip > 0 || head.length > 0 || seen !== rows) damaged(`it has ${seen} rows instead of ${rows}, or is cut short`);
}

/** A value as an Erlang term; text as a binary. @param {unknown} value @returns {string} */
function term(value) {
  if (typeof value === "string") {
    const escaped = value.toWellFormed().replaceAll(/["\\\p{C}]/gu, (c) => `\\x{${c.codePointAt(0)?.toString(16)}}`);
    return `<<"${escaped}"/utf8>>`;
  }
  if (Array.isArray(value)) return `[${value.map(term).join(",")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  return `#{${Object.entries(value)
    .map(([name, member]) => `${term(name)} => ${term(member)}`)
    .join(",")}}`;
}

/** Entries of one source, as they come. @param {Fields} source @param {string} folder @param {Work} work */
async function unpackSource(source, folder, work) {
  const { reader, outcome } = work;
  const entries = contentRef(source["entries"], "entries");
  const wanted = count(source["entry_count"], "entry_count");
  const tree = new Tree(Buffer.from(join(folder, "files")), work);
  await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  await newFile(join(folder, "entries.jsonl"), async (copy) => {
    let last;
    let seen = 0;
    for (const line of linesOf(reader.read(entries))) {
      await copy.writeFile(Buffer.concat([line, Buffer.from("\n")]));
      const entry = fields(json(line, "an entry"), "an entry");
      const path = bytesOf(entry["path"], "a path");
      if (last !== undefined && Buffer.compare(orderOf(last), orderOf(path)) >= 0)
        damaged(`entries are out of order at ${path.toString()}`);
      [last, seen] = [path, seen + 1];
      await unpackEntry(entry, path, { folder, tree, work }).catch((error) =>
        outcome.take(`${folder}: ${path.toString()}`, error),
      );
    }
    if (seen !== wanted) damaged(`there are ${seen} entries instead of ${wanted}`);
  });
  await tree.finish();
}

/** @param {Fields} entry @param {Buffer} path @param {{ folder: string, tree: Tree, work: Work }} to */
async function unpackEntry(entry, path, { folder, tree, work: { reader } }) {
  const { kind, facts } = entry;
  const component = basename(dirname(folder));
  const wanted = component === "postgres" ? "dump" : ["ets", "dets", "mnesia"].includes(component) ? "table" : "tree";
  if ((kind === "table" || kind === "dump" ? kind : "tree") !== wanted)
    damaged(`a ${String(kind)} is nothing of ${component}`);
  if (kind !== "table" && kind !== "dump") {
    await fs.mkdir(tree.target, { recursive: true, mode: 0o700 });
    return tree.place(path, entry);
  }
  const names = namesOf(path).map((name) => fileName(Buffer.from(name, "latin1").toString()));
  const dumped = fields(facts, "facts")["format"] === "custom" ? ".dump" : ".sql";
  const file = join(folder, ...names) + (kind === "table" ? ".rows" : dumped);
  await fs.mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const rows = kind === "table" ? count(entry["rows"], "rows") : undefined;
  await newFile(file, async (handle) => {
    const pieces = reader.read(contentRef(entry["content"], "content"));
    await handle.writeFile(rows === undefined ? pieces : checkedRows(pieces, rows));
  });
  if (rows === undefined) return;
  const line = term([path.toString(), file.slice(folder.length + 1), rows, fields(facts, "facts")]);
  await fs.appendFile(join(folder, "tables.terms"), `${line}.\n`, { mode: 0o600 });
}

const makeFiles = String.raw`#!/usr/bin/env escript
%%! -noinput
%% Makes the files that stock OTP reads of what rescue.mjs wrote: escript make-otp-files.escript DIR
%% ets/NODE/TABLE.tab (ets:file2tab/1), dets/NODE/TABLE.dets, mnesia/NODE/mnesia.bup (mnesia:install_fallback/1, or
%% as FALLBACK.BUP in the empty Mnesia folder of a stopped node); with local content a NODE.bup for each node instead.
-mode(compile).

main([Dir]) ->
    ok = io:setopts([{encoding, unicode}]),
    [folder(hd(filename:split(File)), filename:dirname(filename:join(Dir, File)))
     || File <- filelib:wildcard("{ets,dets,mnesia}/*/tables.terms", Dir)].

folder(Component, Dir) ->
    {ok, Tables} = file:consult(filename:join(Dir, "tables.terms")),
    case Component of
        "mnesia" -> mnesia(Dir, Tables);
        _ -> [make(Component, Dir, Table) || Table <- Tables]
    end.

make(Kind, Dir, [_, Rows, Count, Facts]) ->
    File = new(filename:rootname(in(Dir, Rows)) ++ case Kind of "ets" -> ".tab"; "dets" -> ".dets" end),
    Count = table(Kind, File, Facts, in(Dir, Rows), Count),
    io:format("~ts: ~b rows~n", [File, Count]).

table("ets", File, Facts, Rows, Count) ->
    Empty = new(File ++ ".header"),
    Options = [{K, a(V)} || {K, F} <- [{read_concurrency, <<"read_concurrency">>}, {write_concurrency, <<"write_concurrency">>},
                                       {decentralized_counters, <<"decentralized_counters">>}],
                            V <- [maps:get(F, Facts)], a(V) =/= undefined],
    Named = [Option || {Option, F} <- [{named_table, <<"named">>}, {compressed, <<"compressed">>}], a(maps:get(F, Facts)) =:= true],
    Table = ets:new(a(maps:get(<<"name">>, Facts)), [a(maps:get(<<"type">>, Facts)), a(maps:get(<<"protection">>, Facts)),
                                                     {keypos, maps:get(<<"keypos">>, Facts)} | Options] ++ Named),
    ok = ets:tab2file(Table, Empty, [{extended_info, [object_count, md5sum]}]),
    true = ets:delete(Table),
    {ok, Read} = disk_log:open([{name, header}, {file, Empty}, {mode, read_only}]),
    {_, [Header | _]} = disk_log:chunk(Read, start),
    ok = disk_log:close(Read),
    ok = file:delete(Empty),
    {ok, Log} = disk_log:open([{name, table}, {file, File}]),
    Put = fun(Terms, Md5) ->
              Binaries = [term_to_binary(Term) || Term <- Terms],
              ok = disk_log:blog_terms(Log, Binaries),
              erlang:md5_update(Md5, Binaries)
          end,
    Sized = list_to_tuple(lists:keyreplace(size, 1, tuple_to_list(Header), {size, Count})),
    {ok, Fd} = open(Rows),
    Md5 = each(Fd, Put, Put([Sized], erlang:md5_init())),
    _ = Put([['$end_of_table', [{count, Count}, {md5, erlang:md5_final(Md5)}]]], erlang:md5_init()),
    ok = disk_log:close(Log),
    Count;
table("dets", File, Facts, Rows, Count) ->
    {ok, Table} = dets:open_file(make_ref(), [{file, File}, {type, a(maps:get(<<"type">>, Facts))},
                                              {keypos, maps:get(<<"keypos">>, Facts)}, {auto_save, infinity}]),
    Open = fun(read) -> {ok, Fd} = open(Rows), (source(Fd))(read); (close) -> ok end, % in the table's own process
    ok = dets:init_table(Table, Open, [{min_no_slots, min(32000000, max(256, Count))}]),
    Size = dets:info(Table, size),
    ok = dets:close(Table),
    Size.

source(Fd) ->
    fun (read) -> case batch(Fd, 1000) of [] -> end_of_input; Batch -> {Batch, source(Fd)} end;
        (close) -> ok
    end.

mnesia(Dir, Tables) ->
    Split = [{filename:split(unicode:characters_to_list(Path)), Table} || [Path | _] = Table <- Tables],
    [Schema] = [Table || {["schema"], Table} <- Split],
    Shared = [Schema | [Table || {["tables" | _], Table} <- Split]],
    case lists:usort([Node || {["local", Node | _], _} <- Split]) of
        [] -> backup(Dir, "mnesia", Shared);
        Nodes -> [backup(Dir, Node, Shared ++ [Table || {["local", Of | _], Table} <- Split, Of =:= Node]) || Node <- Nodes]
    end.

backup(Dir, Name, Tables) ->
    File = new(filename:join(Dir, Name ++ ".bup")),
    {ok, Log} = mnesia_backup:open_write(File),
    {ok, Log1} = mnesia_backup:write(Log, [mnesia_log:backup_log_header()]),
    Log2 = lists:foldl(fun([_, Rows | _], Acc) ->
               {ok, Fd} = open(in(Dir, Rows)),
               each(Fd, fun(Batch, Acc1) -> {ok, Acc2} = mnesia_backup:write(Acc1, Batch), Acc2 end, Acc)
           end, Log1, Tables),
    {ok, _} = mnesia_backup:commit_write(Log2),
    io:format("~ts: ~b tables~n", [File, length(Tables) - 1]).

in(Dir, Rows) -> filename:join(Dir, unicode:characters_to_list(Rows)).
open(File) -> file:open(File, [read, raw, binary, {read_ahead, 1048576}]).
new(File) -> {error, enoent} = file:read_link_info(File), File.
a(Text) when is_binary(Text) -> binary_to_atom(Text, utf8);
a(Other) -> Other.

each(Fd, Fun, Acc) -> case batch(Fd, 1000) of [] -> Acc; Batch -> each(Fd, Fun, Fun(Batch, Acc)) end.

batch(_, 0) -> [];
batch(Fd, Left) ->
    case file:read(Fd, 4) of
        eof -> [];
        {ok, <<Length:32>>} -> {ok, Bytes} = file:read(Fd, Length), [binary_to_term(Bytes) | batch(Fd, Left - 1)]
    end.
`;

// ---------------------------------------------------------------- the command

async function main() {
  const options = { key: { type: /** @type {const} */ ("string") }, to: { type: /** @type {const} */ ("string") } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [given, ...more] = positionals;
  if (given === undefined || more.length > 0 || values.to === undefined) {
    throw new Failure(2, "usage: node rescue.mjs RESTORE_POINT --to DIR [--key FILE]");
  }
  if (!("zstdDecompressSync" in zlib)) throw new Failure(2, `Node ${process.version} has no zstd: take 22.15 or later`);
  const folder = resolve(given);
  const keyFile = values.key === undefined ? undefined : readKey(values.key);
  const first = await readManifest(folder, keyFile);
  const points = [await openPoint(first)];
  for (const id of first.dependsOn) {
    const isId = /^erlmcp_(full|incremental|compliance)_\d{8}_\d{6}$/.test(id);
    if (!isId || id === basename(folder)) damaged(`it depends on ${id}, which cannot be`);
    points.push(await openPoint(await readManifest(join(dirname(folder), id), keyFile)));
  }
  const to = resolve(values.to);
  await fs.mkdir(to, { recursive: true, mode: 0o700 });
  if ((await fs.readdir(to)).length > 0) throw new Failure(2, `${to} is not empty: nothing was written`);
  const work = { reader: new Reader(points), outcome: new Outcome() };
  await unpackAll(first.contents, to, work);
  await newFile(join(to, "make-otp-files.escript"), (file) => file.writeFile(makeFiles));
  return conclude(work.outcome, first.complete);
}

/** @param {Fields} contents @param {string} to @param {Work} work */
async function unpackAll(contents, to, work) {
  await newFile(join(to, "ledger.jsonl"), (file) =>
    file.writeFile(work.reader.read(contentRef(contents["ledger"], "ledger"))),
  ).catch((error) => work.outcome.take("the ledger", error));
  for (const one of list(contents["sources"], "sources")) {
    const source = fields(one, "a source");
    const names = [text(source["component"], "component"), text(source["name"], "name")];
    say(`${names.join(" ")}: ${String(source["entry_count"])} entries, ${String(source["bytes"])} bytes`);
    const folder = join(to, ...names.map(fileName));
    await unpackSource(source, folder, work).catch((error) => work.outcome.take(names.join(" "), error));
  }
}

/** @param {string} path */
function readKey(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Failure(7, `the key cannot be read: ${textOf(error)}`);
  }
}

/** @param {Outcome} outcome @param {boolean} complete */
function conclude({ damaged: wrong, failed, unset }, complete) {
  for (const [what, times] of unset) say(`${what} (${times}): entries.jsonl has them`);
  if (!complete) say("when it was made, something could not be read: ledger.jsonl says what");
  if (wrong > 0) say(`${wrong} damaged: named above, and not written; all else is`);
  if (failed > 0) say(`${failed} could not be written: named above`);
  if (wrong > 0) return 4;
  if (failed > 0) return 1;
  return unset.size > 0 || !complete ? 3 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`rescue: ${plain(textOf(error))}\n`);
  process.exitCode = error instanceof Failure ? error.status : isDamage(error) ? 4 : 1;
}
