/** Smaller ones may share their memory with others (Node's pool), and wait for the collector without harm. */
const worthwhileBytes = 128 * 1024;

/**
 * Frees the memory of a buffer that nobody reads any more, without waiting for the garbage collector: it knows little of
 * what lies outside its heap, and buffers of a megabyte each pile up by the hundred before it wakes. Every view of the
 * memory is empty afterwards. Memory that threads share is left alone.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= worthwhileBytes && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
