import { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { Argument, Command, CommanderError, Option } from "commander";

export type BackupType = "full" | "incremental" | "compliance";

/** What the operator asked for. */
export interface Request {
  readonly action: "backup" | "cleanup" | "list" | "show-config";
  readonly type: BackupType;
  readonly only: ReadonlySet<Component> | undefined; // undefined: all components
  readonly dryRun: boolean;
  readonly upload: boolean;
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
Exit codes: 0 done, 1 failed, 2 bad usage, configuration or environment,
3 saved but incomplete, 5 nothing of that kind found, 6 another job holds the
lock, 7 wrong or missing key, 130/143 interrupted.

Examples:
  docker compose run --rm backup full
  docker compose run --rm backup incremental --json
  docker compose run --rm backup full --only=mnesia,postgres
  docker compose run --rm backup --dry-run
  docker compose run --rm backup --list`;

/**
 * Reads the command line.
 *
 * @throws BackupError USAGE for whatever it does not know
 */
export function parseCommandLine(argv: readonly string[], version: string): Request | Answer {
  let text = "";
  const command = new Command("backup")
    .description("Backs up a live erlmcp installation into one restore point.")
    .addArgument(
      new Argument("[type]", "kind of restore point").choices(["full", "incremental", "compliance"]).default("full"),
    )
    .option("--dry-run", "show what would be taken, with sizes; change nothing", false)
    .option("--no-upload", "keep it local")
    .option("--cleanup-only", "undo what a killed run left behind, and stop", false)
    .addOption(new Option("--only <list>", `only these of ${Component.options.join(",")}`).argParser(parseComponents))
    .option("--list", "list the restore points", false)
    .option("--show-config", "print the settings in force, and stop", false)
    .option("--json", "one JSON document on stdout, logs on stderr", false)
    .option("--quiet", "errors only", false)
    .option("--verbose", "more detail, and a stack on errors", false)
    .version(version, "--version", "print the version")
    .addHelpText("after", epilogue)
    .allowExcessArguments(false)
    .exitOverride()
    .configureHelp({ helpWidth: 80 })
    .configureOutput({ writeOut: (out) => (text += out), writeErr: (err) => (text += err) });
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { action: "answer", text };
    throw new BackupError("USAGE", error.message.replace(/^error: /, "").replace(/\.$/, ""), {
      hint: "See backup --help.",
      cause: error,
    });
  }
  return toRequest(command);
}

interface Options {
  dryRun: boolean;
  upload: boolean;
  cleanupOnly: boolean;
  only?: Set<Component>;
  list: boolean;
  showConfig: boolean;
  json: boolean;
  quiet: boolean;
  verbose: boolean;
}

function toRequest(command: Command): Request {
  const options = command.opts<Options>();
  const modes = [options.list, options.cleanupOnly, options.showConfig, options.dryRun].filter(Boolean).length;
  if (modes > 1) {
    throw new BackupError("USAGE", "--list, --cleanup-only, --show-config and --dry-run exclude each other", {
      hint: "Give one of them.",
    });
  }
  return {
    action: options.list ? "list" : options.showConfig ? "show-config" : options.cleanupOnly ? "cleanup" : "backup",
    type: parseType(command.processedArgs[0]),
    only: options.only,
    dryRun: options.dryRun,
    upload: options.upload,
    json: options.json,
    quiet: options.quiet,
    verbose: options.verbose,
  };
}

function parseType(value: unknown): BackupType {
  return value === "incremental" || value === "compliance" ? value : "full";
}

function parseComponents(text: string): Set<Component> {
  const chosen = new Set<Component>();
  for (const word of text.split(",")) {
    const parsed = Component.safeParse(word.trim());
    if (!parsed.success) {
      throw new BackupError("USAGE", `--only: "${word}" is none of ${Component.options.join(", ")}`, {
        hint: "Give a comma list, for example --only=mnesia,postgres.",
      });
    }
    chosen.add(parsed.data);
  }
  return chosen;
}
