import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { execa } from "execa";
import type { TableDigest } from "../sample/stack.ts";
import { digestOfRows, type PathFacts } from "../support/restore-point.ts";

/** Runs the reader that lies in a copy of a repository, by this machine's Node alone. */
export async function rescue(repository: string, id: string, keyFile: string, target: string) {
  const args = [join(repository, "rescue.mjs"), join(repository, id), "--key", keyFile, "--to", target];
  const { exitCode, stdout, stderr } = await execa(process.execPath, args, {
    reject: false,
    extendEnv: false,
    env: {},
  });
  return { exitCode, stdout, stderr };
}

type Table = Pick<TableDigest, "component" | "name" | "rows" | "digest">;

/** What the rows that it wrote come to, in the words of the application's fingerprint. */
export async function rescuedTables(target: string): Promise<Table[]> {
  const found: Table[] = [];
  for (const component of ["ets", "dets", "mnesia"] as const) {
    for (const source of await readdir(join(target, component))) {
      const folder = join(target, component, source);
      for (const line of (await readFile(join(folder, "tables.terms"), "utf8")).trimEnd().split("\n")) {
        const { path, file, facts } = readLine(line);
        if (path === "schema") continue;
        const content = await readFile(join(folder, file));
        found.push({ component, name: nameOf(path, facts["name"]), ...digestOfRows(content, facts) });
      }
    }
  }
  return found;
}

/** A line of tables.terms, as far as texts go. */
function readLine(line: string) {
  const [path = "", file = ""] = [...line.matchAll(/<<"([^"]*)"\/utf8>>/g)].map(([, text = ""]) => unescape(text));
  const members = [...line.matchAll(/<<"([^"]*)"\/utf8>> => <<"([^"]*)"\/utf8>>/g)];
  return { path, file, facts: Object.fromEntries(members.map(([, name = "", value = ""]) => [name, unescape(value)])) };
}

function unescape(text: string): string {
  return text.replaceAll(/\\x\{([0-9a-f]+)\}/g, (_, digits: string) => String.fromCodePoint(parseInt(digits, 16)));
}

/** The application calls a closed DETS file by its name, and a table whose name is a binary by its text. */
function nameOf(path: string, name: string | undefined): string {
  if (path.startsWith("files/")) return basename(decodeURIComponent(path), ".dets");
  return (name ?? path).replace(/^<<"(.*)">>$/, "$1");
}

/** What the sample's own program says of a folder of this machine, run from its image. */
export async function fingerprint(image: string, folder: string): Promise<PathFacts[]> {
  const mount = ["--volume", `${folder}:/srv/copy:ro`];
  const { stdout } = await execa("docker", ["run", "--rm", ...mount, image, "fingerprint", "/srv/copy"]);
  return stdout.split("\n").map((line) => {
    const { allocated: _allocated, links: _links, ...facts } = JSON.parse(line);
    return facts;
  });
}

/** What plain Node can set: all but attributes, devices and pipes; times to the microsecond. */
export function settable(paths: readonly PathFacts[]): unknown[] {
  return paths
    .filter(({ type }) => !/device|fifo|pipe/.test(type))
    .map(({ mtime_ns, xattrs: _xattrs, ...facts }) => ({
      ...facts,
      mtime_ms: Math.round(Number(BigInt(mtime_ns)) / 1e6),
    }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
