import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

export type Fault =
  | "delay" // half a second before anything happens
  | "reset" // the connection ends before the server hears of it
  | "lost" // the server has done it, its answer never arrives
  | "cut" // half of the answer's body, then the connection ends
  | "swallow" // half of the request's body, then the connection ends
  | "500"
  | "503";

export const allFaults = ["delay", "reset", "lost", "cut", "swallow", "500", "503"] as const;

export interface FaultProxy {
  readonly endpoint: string;
  readonly met: Map<Fault, number>; // how often each befell a request
  requests: number;
  /** Decides what befalls each request from now on; by default chance does. */
  decide: (request: IncomingMessage) => Fault | "none";
  close(): Promise<void>;
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Stands before a server and lets faults befall a share of all requests. It passes the Host header on: signatures cover it. */
export async function startFaultProxy(
  target: string,
  { seed, share, faults = allFaults }: { seed: number; share: number; faults?: readonly Fault[] },
): Promise<FaultProxy> {
  const random = seeded(seed);
  const server = createServer((incoming, outgoing) => {
    proxy.requests += 1;
    const fault = proxy.decide(incoming);
    if (fault !== "none") proxy.met.set(fault, (proxy.met.get(fault) ?? 0) + 1);
    befall(target, fault, { incoming, outgoing });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const proxy: FaultProxy = {
    endpoint: `http://127.0.0.1:${address.port}`,
    met: new Map(),
    requests: 0,
    decide: () => (random() < share ? (faults[Math.floor(random() * faults.length)] ?? "none") : "none"),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

interface Exchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}

function befall(target: string, fault: Fault | "none", exchange: Exchange): void {
  const { incoming, outgoing } = exchange;
  if (fault === "reset") incoming.destroy();
  else if (fault === "500" || fault === "503") {
    incoming.resume();
    const code = fault === "500" ? "InternalError" : "SlowDown";
    incoming.on("end", () => {
      outgoing.writeHead(Number(fault), { "content-type": "application/xml" });
      outgoing.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>fault</Message></Error>`);
    });
  } else if (fault === "delay") void delay(500).then(() => pass(target, "none", exchange));
  else pass(target, fault, exchange);
}

function pass(target: string, fault: "none" | "lost" | "cut" | "swallow", { incoming, outgoing }: Exchange): void {
  const { hostname, port } = new URL(target);
  const { method, url: path, headers } = incoming;
  const onward = request({ hostname, port, method, path, headers }, (answer) => {
    if (fault === "lost") {
      answer.resume();
      answer.on("end", () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    const half = Math.floor(Number(answer.headers["content-length"] ?? 0) / 2);
    if (fault === "cut")
      cut(answer, { after: half, write: (piece) => outgoing.write(piece), end: () => outgoing.destroy() });
    else answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  incoming.on("error", () => onward.destroy());
  outgoing.on("close", () => onward.destroy());
  const half = Math.floor(Number(headers["content-length"] ?? 0) / 2);
  if (fault !== "swallow") incoming.pipe(onward);
  else
    cut(incoming, {
      after: half,
      write: (piece) => onward.write(piece),
      end: () => {
        onward.destroy();
        outgoing.destroy();
      },
    });
}

function cut(
  from: IncomingMessage,
  { after, write, end }: { after: number; write: (piece: Buffer) => void; end: () => void },
): void {
  let left = after;
  from.on("data", (piece: Buffer) => {
    if (left > 0) write(piece.subarray(0, left));
    left -= piece.length;
    if (left <= 0) end();
  });
  from.on("end", end);
}
