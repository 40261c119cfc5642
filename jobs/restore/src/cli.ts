import { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { Argument, Command, CommanderError, Option } from "commander";
import { refuseMixed } from "./mixed.ts";
import { parseTime } from "./time.ts";

/** Which parts of a restore point; undefined: all of them. Several kinds together take what each of them names. */
export interface Selection {
  readonly only: ReadonlySet<Component> | undefined;
  readonly tables: readonly string[]; // NAME of ETS, DETS or Mnesia, SCHEMA.NAME of PostgreSQL, or COMPONENT:NAME
  readonly databases: readonly string[];
  readonly volumes: readonly string[];
  readonly paths: readonly string[]; // VOLUME:PATH, or a path that only one volume has
}

/** What the operator asked for. */
export interface Request {
  readonly action: "restore" | "unpack" | "list" | "show-config" | "resume" | "abort";
  readonly point: string; // an ID, or latest
  readonly at: Date | undefined; // the newest at or before it, instead of `point`
  readonly select: Selection;
  readonly to: string | undefined; // a folder
  readonly renames: ReadonlyMap<string, string>; // nodes
  readonly dryRun: boolean;
  readonly verify: boolean;
  readonly safetyBackup: boolean;
  readonly acceptSchema: boolean;
  readonly acceptRamTables: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** Text that ends the run as it is: help and version. */
export interface Answer {
  readonly action: "answer";
  readonly text: string;
}

const epilogue = `
Exit codes: 0 done, 1 failed (the system was put back), 2 bad usage,
configuration or environment, 3 restored, but for rows that it names,
4 the restore point is damaged or forged, 5 no such restore point, component
or container, 6 another job holds the lock, 7 wrong or missing key, 130/143
interrupted (the system was put back).

Examples:
  docker compose run --rm restore --list
  docker compose run --rm restore latest --dry-run
  docker compose run --rm restore latest
  docker compose run --rm restore --at=2026-02-02T12:00Z --only=postgres
  docker compose run --rm restore latest --table=mnesia:account
  docker compose run --rm restore latest --volume=data --path=etc/app.conf
  docker compose run --rm -v "$PWD/out:/out" restore latest --to=/out`;

/**
 * Reads the command line.
 *
 * @throws BackupError USAGE for whatever it does not know
 */
export function parseCommandLine(
  argv: readonly string[],
  { version, now }: { version: string; now: Date },
): Request | Answer {
  let text = "";
  const command = define(version)
    .exitOverride()
    .configureHelp({ helpWidth: 80 })
    .configureOutput({ writeOut: (out) => (text += out), writeErr: (err) => (text += err) });
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { action: "answer", text };
    throw usage(error.message.replace(/^error: /, "").replace(/\.$/, ""), error);
  }
  return toRequest(command, now);
}

const gather = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

const many = (flags: string, what: string): Option =>
  new Option(flags, what).argParser<readonly string[]>(gather).default([]);

function define(version: string): Command {
  return new Command("restore")
    .description("Brings an erlmcp installation back to a restore point, whole or in part.")
    .addArgument(new Argument("[point]", "a restore point's ID, or latest"))
    .option("--at <time>", "the newest restore point of then or before, also 2h (ago)")
    .option("--list", "list the restore points", false)
    .option("--dry-run", "show what would be done; change nothing", false)
    .option("--skip-verification", "do not read the whole restore point first", false)
    .addOption(new Option("--only <list>", `only these of ${Component.options.join(",")}`).argParser(parseComponents))
    .addOption(many("--table <name>", "one table: NAME, SCHEMA.NAME, or mnesia:NAME, ets:NAME …"))
    .addOption(many("--database <name>", "one database"))
    .addOption(many("--volume <name>", "one volume"))
    .addOption(many("--path <path>", "one file or folder: PATH or VOLUME:PATH"))
    .option("--to <dir>", "unpack into plain files there; touch no service")
    .addOption(many("--rename-node <old=new>", "the Erlang node OLD is called NEW here"))
    .option("--no-safety-backup", "keep nothing of what is there now")
    .option("--accept-schema-change", "also where Mnesia's tables are defined otherwise now", false)
    .option("--accept-ram-tables", "single Mnesia tables also where they live in memory alone", false)
    .option("--resume", "finish a restore that was cut off", false)
    .option("--abort", "undo a restore that was cut off", false)
    .option("--show-config", "print the settings in force, and stop", false)
    .option("--json", "one JSON document on stdout, logs on stderr", false)
    .option("--quiet", "errors only", false)
    .option("--verbose", "more detail, and a stack on errors", false)
    .version(version, "--version", "print the version")
    .addHelpText("after", epilogue)
    .allowExcessArguments(false);
}

interface Options {
  at?: string;
  list: boolean;
  dryRun: boolean;
  skipVerification: boolean;
  only?: Set<Component>;
  table: readonly string[];
  database: readonly string[];
  volume: readonly string[];
  path: readonly string[];
  to?: string;
  renameNode: readonly string[];
  safetyBackup: boolean;
  acceptSchemaChange: boolean;
  acceptRamTables: boolean;
  resume: boolean;
  abort: boolean;
  showConfig: boolean;
  json: boolean;
  quiet: boolean;
  verbose: boolean;
}

function toRequest(command: Command, now: Date): Request {
  const options = command.opts<Options>();
  const point: unknown = command.processedArgs[0];
  const action = actionOf(options);
  refuseMixed(action, { ...options, point: typeof point === "string" });
  return {
    action,
    point: typeof point === "string" ? point : "latest",
    at: options.at === undefined ? undefined : parseTime(options.at, now),
    select: selectionOf(options),
    to: options.to,
    renames: parseRenames(options.renameNode),
    dryRun: options.dryRun,
    verify: !options.skipVerification,
    safetyBackup: options.safetyBackup,
    acceptSchema: options.acceptSchemaChange,
    acceptRamTables: options.acceptRamTables,
    json: options.json,
    quiet: options.quiet,
    verbose: options.verbose,
  };
}

function selectionOf({ only, table, database, volume, path }: Options): Selection {
  return { only, tables: table, databases: database, volumes: volume, paths: path };
}

function actionOf(options: Options): Request["action"] {
  const modes = (["list", "resume", "abort"] as const).filter((name) => options[name]);
  const all: Request["action"][] = [...modes, ...(options.showConfig ? (["show-config"] as const) : [])];
  if (all.length > 1) throw usage(`${all.map((name) => `--${name}`).join(" and ")} exclude each other`);
  if (options.to !== undefined && !options.to.startsWith("/")) {
    throw usage("--to takes an absolute path in the container: mount a folder there with -v");
  }
  return all[0] ?? (options.to === undefined ? "restore" : "unpack");
}

function parseRenames(pairs: readonly string[]): Map<string, string> {
  const renames = new Map<string, string>();
  for (const pair of pairs) {
    const match = /^([^=@\s]+@[^=\s]+)=([^=@\s]+@[^=\s]+)$/.exec(pair);
    const [, from, to] = match ?? [];
    if (from === undefined || to === undefined) {
      throw usage(`--rename-node: "${pair}" is not OLD@HOST=NEW@HOST`);
    }
    if (renames.has(from)) throw usage(`--rename-node: ${from} is renamed twice`);
    renames.set(from, to);
  }
  return renames;
}

function parseComponents(text: string): Set<Component> {
  const chosen = new Set<Component>();
  for (const word of text.split(",")) {
    const parsed = Component.safeParse(word.trim());
    if (!parsed.success) throw usage(`--only: "${word}" is none of ${Component.options.join(", ")}`);
    chosen.add(parsed.data);
  }
  return chosen;
}

function usage(message: string, cause?: unknown): BackupError {
  return new BackupError("USAGE", message, { hint: "See restore --help.", cause });
}
