import { Buffer } from "node:buffer";

/** Which of a process's outputs a frame belongs to. */
export type Output = "stdout" | "stderr";
export interface Frame {
  output: Output;
  bytes: Buffer;
}

const headerBytes = 8; // kind, three zeros, big-endian length

/**
 * Takes the engine's multiplexed stream apart, a piece at a time: it reads on only when its reader does, and
 * holds at most one read of the socket. A frame may come in several pieces.
 *
 * @throws Error when the stream is not of that form or ends within a frame: the connection was lost
 */
export async function* demux(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let header: Buffer = Buffer.alloc(0);
  let output: Output = "stdout";
  let left = 0; // bytes of the current frame that are still to come
  for await (let piece of source) {
    while (piece.length > 0) {
      if (left > 0) {
        const bytes = piece.subarray(0, left);
        piece = piece.subarray(bytes.length);
        left -= bytes.length;
        yield { output, bytes };
        continue;
      }
      const missing = headerBytes - header.length;
      header = header.length === 0 ? piece.subarray(0, missing) : Buffer.concat([header, piece.subarray(0, missing)]);
      piece = piece.subarray(missing);
      if (header.length < headerBytes) continue;
      output = outputOf(header);
      left = header.readUInt32BE(4);
      header = Buffer.alloc(0);
    }
  }
  if (left > 0 || header.length > 0) {
    throw new Error("the stream from the engine ended within a frame: the connection was lost");
  }
}

function outputOf(header: Buffer): Output {
  const kind = header.readUInt8(0);
  if (header.readUIntBE(1, 3) !== 0 || kind > 2) throw new Error("the stream from the engine is not multiplexed");
  return kind === 2 ? "stderr" : "stdout";
}
