import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { bytesOf, type TableEntry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { Session } from "./session.ts";
import type { ReadContent } from "./unpack.ts";

/** A table whose rows are gathered in the node before anything of the application is touched. */
export interface Stage {
  readonly name: string; // by which the request that uses it calls it
  readonly type: string;
  readonly keypos: number;
  readonly record?: string | undefined; // what the rows shall begin with; as they are when undefined
  readonly entry: TableEntry;
  readonly read: ReadContent;
}

/** What was sent: the node compares it with what has come. */
export interface Staged {
  readonly name: string;
  readonly rows: number;
  readonly crc: number;
}

const batchBytes = 1024 * 1024;

/**
 * Sends a captured table's rows into a stage of that name in the node; it replaces one that is there.
 *
 * @throws BackupError CORRUPT when they are not as many as the entry says; RequestError when the node refuses them
 */
export async function stageTable(session: Session, stage: Stage): Promise<Staged> {
  const { name, type, keypos, record, entry, read } = stage;
  await session.request("stage", { name, type, keypos, ...(record === undefined ? {} : { record }) });
  const sent = await sendRows(session, name, read(entry.content));
  if (sent.rows === entry.rows) return { name, ...sent };
  const path = bytesOf(entry.path).toString("utf8");
  throw new BackupError(
    "CORRUPT",
    `${path} has ${sent.rows} rows in the restore point, and ${entry.rows} by its entry`,
    {
      hint: "Run verify, and take another restore point.",
    },
  );
}

/** Sends whole rows, a MiB or so at a time. One row may be larger. */
async function sendRows(
  session: Session,
  name: string,
  blocks: AsyncIterable<Uint8Array>,
): Promise<{ rows: number; crc: number }> {
  let pending = Buffer.alloc(0);
  let [rows, crc] = [0, 0];
  const send = async (bytes: Buffer): Promise<void> => {
    if (bytes.length === 0) return;
    crc = crc32(bytes, crc);
    await session.request("stage_rows", { name, rows: bytes });
  };
  for await (const block of blocks) {
    pending = Buffer.concat([pending, block]);
    if (pending.length < batchBytes) continue;
    const whole = wholeRows(pending);
    await send(pending.subarray(0, whole.end));
    pending = pending.subarray(whole.end);
    rows += whole.rows;
  }
  const whole = wholeRows(pending);
  if (whole.end !== pending.length) throw new BackupError("CORRUPT", "a table's rows end in the middle of one");
  await send(pending);
  return { rows: rows + whole.rows, crc };
}

/** How far the bytes are frames of 4 bytes length and a term. */
function wholeRows(bytes: Buffer): { end: number; rows: number } {
  let [end, rows] = [0, 0];
  while (end + 4 <= bytes.length) {
    const next = end + 4 + bytes.readUInt32BE(end);
    if (next > bytes.length) break;
    end = next;
    rows += 1;
  }
  return { end, rows };
}
