/** Everything the labels of one container ask for; undefined where they ask for nothing. */
export interface ContainerLabels {
  erlang: ErlangSettings | undefined;
  postgres: PostgresSettings | undefined;
  volumes: "all" | readonly string[] | undefined;
  config: readonly string[] | undefined;
  during: During;
}

export type During = "run" | "pause" | "stop";

export interface ErlangSettings {
  node: string | undefined;
  cookieFile: string | undefined; // a path in the container
  ets: "user" | "none" | "all" | readonly string[];
  etsSuspend: readonly string[];
  dets: readonly string[]; // files in the container that no process has open
}

export interface PostgresSettings {
  user: string | undefined; // the superuser; the container's own idea of it when undefined
  databases: readonly string[] | undefined; // all when undefined
}

export const labelPrefix = "erlmcp.backup";
export const defaultErlang: ErlangSettings = {
  node: undefined,
  cookieFile: undefined,
  ets: "user",
  etsSuspend: [],
  dets: [],
};
export const defaultPostgres: PostgresSettings = { user: undefined, databases: undefined };

type Labels = Readonly<Record<string, string>>;
type Complain = (label: string, problem: string) => void;

const switches = ["erlang", "postgres", "volumes", "config"] as const;
const erlangOnly = ["node", "cookie-file", "ets", "ets.suspend", "dets"] as const;
const postgresOnly = ["user", "databases"] as const;
const known = new Set<string>([...switches, ...erlangOnly, ...postgresOnly, "during"]);
// oxlint-disable-next-line no-control-regex -- control characters are what it refuses
const control = /[\u0000-\u001f\u007f]/;
const valueLimit = 65_536; // characters

export function isBackupLabel(label: string): boolean {
  return label === labelPrefix || label.startsWith(`${labelPrefix}.`);
}

/**
 * Reads a container's labels. What is wrong with them is told to `complain`, each by itself, so that all of it can
 * be reported together; the result counts only if nothing was.
 */
export function readContainerLabels(labels: Labels, complain: Complain): ContainerLabels {
  for (const label of Object.keys(labels)) {
    if (!isBackupLabel(label)) continue;
    const name = label.slice(labelPrefix.length + 1);
    if (!known.has(name)) complain(label, "is no label that is known");
  }
  const read = new Reader(labels, complain);
  const erlang = read.flag("erlang");
  const postgres = read.flag("postgres");
  for (const name of erlangOnly) if (erlang === undefined) read.refuse(name, "erlang");
  for (const name of postgresOnly) if (postgres === undefined) read.refuse(name, "postgres");
  return {
    erlang: erlang === true ? readErlang(read) : undefined,
    postgres: postgres === true ? { user: read.text("user"), databases: read.list("databases") } : undefined,
    volumes: readVolumes(read),
    config: readPaths(read, "config"),
    during: read.choice("during", ["run", "pause", "stop"]) ?? "run",
  };
}

function readErlang(read: Reader): ErlangSettings {
  const ets = read.value("ets");
  return {
    node: read.text("node"),
    cookieFile: readPath(read, "cookie-file"),
    ets:
      ets === undefined || ets === "user" || ets === "none" || ets === "all"
        ? (ets ?? "user")
        : (read.list("ets") ?? []),
    etsSuspend: read.list("ets.suspend") ?? [],
    dets: readPaths(read, "dets") ?? [],
  };
}

function readVolumes(read: Reader): ContainerLabels["volumes"] {
  const value = read.value("volumes");
  if (value === undefined || value === "false") return undefined;
  return value === "true" ? "all" : read.list("volumes");
}

function readPath(read: Reader, name: string): string | undefined {
  const path = read.text(name);
  if (path !== undefined) checkPath(path, (problem) => read.complain(name, problem));
  return path;
}

function readPaths(read: Reader, name: string): readonly string[] | undefined {
  const paths = read.list(name)?.map((path) => (path.length > 1 ? path.replace(/\/+$/, "") : path));
  for (const path of paths ?? []) checkPath(path, (problem) => read.complain(name, problem));
  return paths;
}

function checkPath(path: string, complain: (problem: string) => void): void {
  if (!path.startsWith("/")) complain(`has "${path}", which is no absolute path`);
  else if (path === "/") complain("has the whole file system");
  else if (path.split("/").some((part, at) => at > 0 && (part === "" || part === "." || part === ".."))) {
    complain(`has "${path}", which is no plain path`);
  }
}

class Reader {
  readonly #labels: Labels;
  readonly #complain: Complain;

  constructor(labels: Labels, complain: Complain) {
    this.#labels = labels;
    this.#complain = complain;
  }

  complain(name: string, problem: string): void {
    this.#complain(`${labelPrefix}.${name}`, problem);
  }

  value(name: string): string | undefined {
    const value = this.#labels[`${labelPrefix}.${name}`];
    if (value === undefined) return undefined;
    if (control.test(value) || value.length > valueLimit) {
      this.complain(name, "has control characters or is too long");
      return undefined;
    }
    return value.trim();
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value === "") this.complain(name, "is empty");
    return value;
  }

  flag(name: string): boolean | undefined {
    const value = this.choice(name, ["true", "false"]);
    return value === undefined ? undefined : value === "true";
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.value(name);
    const chosen = choices.find((choice) => choice === value);
    if (value !== undefined && chosen === undefined)
      this.complain(name, `is "${value}" and not ${choices.join(" or ")}`);
    return chosen;
  }

  /** A comma list, each once. */
  list(name: string): readonly string[] | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    const items = value.split(",").map((item) => item.trim());
    if (items.includes("")) this.complain(name, "has an empty name in its list");
    return [...new Set(items)];
  }

  refuse(name: string, without: string): void {
    if (this.value(name) !== undefined) this.complain(name, `has no effect without ${labelPrefix}.${without}=true`);
  }
}
