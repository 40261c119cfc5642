import type { ContentKind, ContentRef } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { Needs } from "./chunk-store.ts";
import type { ChunkSizes } from "./chunking.ts";
import type { ContentBuilder } from "./content-tree.ts";
import type { CutBoundary, CutResult, Slab } from "./messages.ts";
import { idBytes } from "./layout.ts";
import { createSlabPool, type SlabPool } from "./slab-pool.ts";
import type { Shared } from "./shared.ts";
import { boundaries } from "./worker-core.ts";

/** A stream that is no longer than this is not worth a message to a worker. */
const smallBytes = 64 * 1024;
const dataBytes = 2 * 1024 * 1024;

/**
 * Stores one stream. Each stream has three slabs of its own at most (one fills, one is cut, one is sealed), so
 * that a stream whose source is idle keeps nobody else waiting.
 */
export async function storeStream(
  shared: Shared,
  bytes: AsyncIterable<Uint8Array>,
  { kind, needs }: { kind: ContentKind; needs: Needs },
): Promise<ContentRef> {
  const writer = createStreamWriter(shared, kind, needs);
  try {
    for await (const part of bytes) await writer.write(part);
    return await writer.finish();
  } finally {
    writer.end();
  }
}

interface StreamWriter {
  write(part: Uint8Array): Promise<void>;
  finish(): Promise<ContentRef>;
  /** Gives back the memory, once nothing is under way in it. */
  end(): void;
}

function createStreamWriter(shared: Shared, kind: ContentKind, needs: Needs): StreamWriter {
  const sizes = shared.chunking[kind];
  const builder = shared.newContent(needs);
  const slabs = shared.borrowSlabs(headroom(sizes) + Math.max(dataBytes, sizes.max));
  let small: Uint8Array[] = [];
  let smallLength = 0;
  let pipeline: CutPipeline | undefined;

  async function spill(): Promise<CutPipeline> {
    const created = createCutPipeline({ shared, sizes, builder, needs, slabs: slabs.pool });
    pipeline = created;
    const parts = small;
    small = [];
    for (const part of parts) await created.write(part);
    return created;
  }

  return {
    async write(part) {
      shared.store.check();
      if (pipeline === undefined && smallLength + part.byteLength <= smallBytes) {
        small.push(Uint8Array.from(part));
        smallLength += part.byteLength;
        return;
      }
      await (pipeline ?? (await spill())).write(part);
    },
    async finish() {
      if (pipeline === undefined) storeSmall(shared, Buffer.concat(small), { sizes, builder, needs });
      else await pipeline.finish();
      await shared.store.relief();
      return builder.finish();
    },
    end() {
      pipeline?.drop();
      slabs.giveBack();
    },
  };
}

interface Stream {
  sizes: ChunkSizes;
  builder: ContentBuilder;
  needs: Needs;
}

/** Cuts and names on this thread. */
function storeSmall(shared: Shared, data: Buffer, { sizes, builder, needs }: Stream): void {
  const id = new Uint8Array(idBytes);
  let from = 0;
  for (const end of boundaries(shared.cutFor(sizes), data, { start: 0, end: data.length, final: true })) {
    const chunk = data.subarray(from, end);
    shared.name(chunk, id, 0);
    shared.store.stats.readBytes += chunk.byteLength;
    shared.store.admitCopy(chunk, id, needs);
    builder.add(id, chunk.byteLength);
    from = end;
  }
}

/** Before the new bytes of a slab there is room for what the last slab left over. */
function headroom(sizes: ChunkSizes): number {
  return sizes.max;
}

interface CutPipeline {
  write(part: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  /** Forgets what has not been submitted. */
  drop(): void;
}

interface CutPipelineOptions extends Stream {
  shared: Shared;
  slabs: SlabPool;
}

/**
 * Slab after slab to the workers. The boundaries of one slab have to be known before the next can be cut: the
 * bytes after its last boundary are copied before the next slab's.
 */
function createCutPipeline({ shared, sizes, builder, needs, slabs }: CutPipelineOptions): CutPipeline {
  const room = headroom(sizes);
  let filling: { slab: Slab; end: number } | undefined;
  let rest: Promise<Uint8Array> = Promise.resolve(new Uint8Array(0));
  let admitted: Promise<void> = Promise.resolve();

  async function admit(previous: Promise<void>, outcome: Promise<CutResult>, slab: { slab: Slab; start: number }) {
    try {
      const { ends, ids } = await outcome; // first: until then the slab is the worker's
      await previous;
      const starts = [slab.start, ...ends];
      for (let chunk = 0; chunk < ends.length; chunk += 1) {
        builder.add(ids.subarray(chunk * idBytes, (chunk + 1) * idBytes), (ends[chunk] ?? 0) - (starts[chunk] ?? 0));
      }
      shared.store.admit({ slab: slab.slab, starts, ends, ids }, needs, () => slabs.release(slab.slab));
    } catch (error) {
      slabs.release(slab.slab);
      throw error;
    }
  }

  async function submit(final: boolean): Promise<void> {
    const { slab, end } = filling ?? { slab: await slabs.acquire(), end: room };
    const left = await rest;
    filling = undefined;
    const start = room - left.byteLength;
    slab.set(left, start);
    const { boundary, outcome } = shared.pool.run({ op: "cut", slab, start, end, sizes, final, load: undefined });
    const cut = outcome.then((done) => {
      if (done.op !== "cut") throw new BackupError("FAILED", "a worker answered something else");
      return done.result;
    });
    admitted = admit(admitted, cut, { slab, start });
    admitted.catch(() => undefined); // finish awaits it
    rest = leftOver(boundary, slab, end);
    rest.catch(() => undefined); // the next submit awaits it
  }

  return {
    async write(part) {
      for (let at = 0; at < part.byteLength;) {
        filling ??= { slab: await slabs.acquire(), end: room };
        const { slab, end } = filling;
        const count = Math.min(part.byteLength - at, slab.byteLength - end);
        slab.set(part.subarray(at, at + count), end);
        filling.end = end + count;
        at += count;
        if (filling.end === slab.byteLength) await submit(false);
      }
    },
    async finish() {
      await submit(true);
      await admitted;
    },
    drop() {
      if (filling !== undefined) slabs.release(filling.slab);
      filling = undefined;
    },
  };
}

/** Slabs of a stream that ended serve the next one of their size. */
export function createSlabLender(count: number): {
  borrow(bytes: number): { pool: SlabPool; giveBack(): void };
  fail(error: unknown): void;
} {
  const idle = new Map<number, SlabPool[]>();
  const lent = new Set<SlabPool>();
  let failure: { error: unknown } | undefined;
  return {
    borrow(bytes) {
      const pool = idle.get(bytes)?.pop() ?? createSlabPool(count, bytes);
      lent.add(pool);
      if (failure !== undefined) pool.fail(failure.error);
      return {
        pool,
        giveBack() {
          lent.delete(pool);
          const others = idle.get(bytes) ?? [];
          idle.set(bytes, [...others, pool]);
        },
      };
    },
    fail(error) {
      failure ??= { error };
      for (const pool of lent) pool.fail(error);
    },
  };
}

/** The bytes after the last boundary, copied before the slab can be released. */
async function leftOver(boundary: Promise<CutBoundary>, slab: Slab, end: number): Promise<Uint8Array> {
  const { next } = await boundary;
  return slab.slice(next, end);
}
