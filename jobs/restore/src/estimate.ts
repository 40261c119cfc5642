import { parseReceipt } from "@erlmcp/manifest";
import { BackupError } from "@erlmcp/errors";
import { readObject, type ObjectStore } from "@erlmcp/store";
import { z } from "zod";
import type { Placed } from "./plan.ts";

const bytesPerSecond = 40e6;
const secondsPerContainer = 8;

/** A guess where nothing was measured: 40 MB a second, and 8 s for each container to stop, start and be well. */
export function guessSeconds(placed: readonly Placed[], containers: number): number {
  const bytes = sum(placed.map(({ part }) => part.source.bytes));
  return Math.max(1, Math.ceil(bytes / bytesPerSecond + containers * secondsPerContainer));
}

/** What a restore took, from staging to the last comparison, and what had been guessed for it; receipts hold it. */
export const Timing = z.object({ seconds: z.number().nonnegative(), guessed_seconds: z.number().positive() });
export type Timing = z.infer<typeof Timing>;

export interface Estimate {
  readonly seconds: number;
  readonly basis: string; // for people
}

/** The guess, as far wrong as it was in earlier restores. */
export function estimate(guessed: number, earlier: readonly Timing[]): Estimate {
  if (earlier.length === 0) return { seconds: guessed, basis: "a guess: no restore was measured here yet" };
  const [took, told] = [sum(earlier.map(({ seconds }) => seconds)), sum(earlier.map((one) => one.guessed_seconds))];
  const restores = earlier.length === 1 ? "the last restore here" : `the last ${earlier.length} restores here`;
  return { seconds: Math.ceil((guessed * took) / told), basis: `measured in ${restores}` };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

const mostReceipts = 5;
const receiptLimitBytes = 64 * 1024 * 1024;

/** Of the newest restores that came to their end, from their receipts; what cannot be read of these tells nothing. */
export async function readTimings(store: ObjectStore): Promise<Timing[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("receipts/")) if (key.includes("_restore_")) keys.push(key);
  const timings: Timing[] = [];
  for (const key of keys.toReversed()) {
    if (timings.length === mostReceipts) break;
    const timing = await timingOf(store, key);
    if (timing !== undefined) timings.push(timing);
  }
  return timings;
}

async function timingOf(store: ObjectStore, key: string): Promise<Timing | undefined> {
  try {
    const { service, details } = parseReceipt(await readObject(store, key, receiptLimitBytes), key);
    return service === "restore" ? Timing.safeParse(details["timing"]).data : undefined;
  } catch (error) {
    if (error instanceof BackupError && ["CORRUPT", "FORMAT_UNKNOWN", "NOT_FOUND"].includes(error.code))
      return undefined;
    throw error;
  }
}
