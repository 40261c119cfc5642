import Docker from "dockerode";
import { Agent } from "node:http";
import { BackupError } from "@erlmcp/errors";

/** A client of one engine, and how to call that engine in a message. */
export interface Connection {
  docker: Docker;
  address: string;
}

/** DOCKER_HOST=tcp://… with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH is left to the client library, which knows them. */
const defaultSocket = "/var/run/docker.sock";

/**
 * @param host as DOCKER_HOST has it: `unix:///path`, `tcp://host:port`, `ssh://…`; undefined for DOCKER_HOST or the default socket
 * @throws BackupError CONFIG_INVALID when it is no such address
 */
export function connect(host: string | undefined): Connection {
  const address = host ?? process.env["DOCKER_HOST"] ?? `unix://${defaultSocket}`;
  const socketPath = /^unix:\/\/(.*)$/.exec(address)?.[1] ?? (address.startsWith("/") ? address : undefined);
  if (socketPath !== undefined) {
    // No connection is kept: one that an engine's restart has cut would fail the next request.
    const options = { socketPath: socketPath || defaultSocket, agent: new Agent({ keepAlive: false }) };
    return { docker: new Docker({ ...options, host: undefined }), address: `unix://${options.socketPath}` };
  }
  if (!URL.canParse(address)) throw invalid(address);
  const url = new URL(address);
  if (host === undefined) return { docker: new Docker(), address: plain(url) };
  const protocol = url.protocol === "tcp:" ? "http" : url.protocol === "https:" ? "https" : undefined;
  if (protocol === undefined) throw invalid(plain(url));
  return { docker: new Docker({ protocol, host: url.hostname, port: url.port || 2375 }), address: plain(url) };
}

function plain(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`;
}

function invalid(address: string): BackupError {
  return new BackupError("CONFIG_INVALID", `${address} is no address of a Docker engine`, {
    hint: "Give one such as unix:///var/run/docker.sock in DOCKER_HOST.",
  });
}
