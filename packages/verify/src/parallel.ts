/** Works on so many items at a time; results in the order of the items. After a failure nothing more is begun. */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  async function lane(): Promise<void> {
    while (next < items.length) {
      const at = next;
      next += 1;
      const [item] = items.slice(at, at + 1);
      if (item !== undefined) results[at] = await work(item);
    }
  }
  const lanes = Array.from({ length: Math.min(limit, items.length) }, () => lane());
  const failed = (await Promise.allSettled(lanes)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return results;
}
