/**
 * Cuts a stream into parts of exactly `partBytes`, the last one shorter; an empty stream gives one empty part. Holds one part.
 */
export async function* inParts(pieces: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Buffer> {
  let part = Buffer.allocUnsafe(partBytes);
  let filled = 0;
  let given = 0;
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length;) {
      if (filled === partBytes) {
        yield part;
        given += 1;
        part = Buffer.allocUnsafe(partBytes);
        filled = 0;
      }
      const fits = piece.subarray(taken, taken + partBytes - filled);
      part.set(fits, filled);
      filled += fits.length;
      taken += fits.length;
    }
  }
  if (filled > 0 || given === 0) yield part.subarray(0, filled);
}

/**
 * Gives every item to `handle`, up to `limit` at a time; takes the next one only when there is room. When one fails, the
 * others are told to stop and waited for.
 */
export async function forEachOf<T>(
  items: AsyncGenerator<T>,
  { limit, signal }: { limit: number; signal: AbortSignal | undefined },
  handle: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const failures: unknown[] = [];
  async function work(): Promise<void> {
    try {
      for (;;) {
        either.throwIfAborted();
        const { done, value } = await items.next();
        if (done === true) return;
        await handle(value, either);
      }
    } catch (error) {
      failures.push(error); // the first says why; the others are told
      stop.abort(error);
    }
  }
  await Promise.all(Array.from({ length: limit }, work));
  await items.return(undefined);
  signal?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
