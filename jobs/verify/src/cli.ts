import { BackupError } from "@erlmcp/errors";
import { Argument, Command, CommanderError, Option } from "commander";

/** What the operator asked for. */
export interface Request {
  readonly action: "verify" | "show-config";
  readonly point: string; // an ID, latest or all
  readonly mode: "quick" | "full" | "test-restore";
  readonly boot: boolean; // start the application too
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Text that ends the run as it is: help and version. */
export interface Answer {
  readonly action: "answer";
  readonly text: string;
}

const epilogue = `
Exit codes: 0 all is as it was made, 1 failed, 2 bad usage, configuration or
environment, 4 something is corrupt, missing or forged (the report names it),
5 no such restore point or image, 6 another job holds the lock, 7 wrong
or missing key, 130/143 interrupted.

Examples:
  docker compose run --rm verify latest
  docker compose run --rm verify all --quick
  docker compose run --rm verify latest --test-restore --boot
  docker compose run --rm verify erlmcp_full_20260202_120000 --json`;

/**
 * Reads the command line.
 *
 * @throws BackupError USAGE for whatever it does not know, or what does not exist yet
 */
export function parseCommandLine(argv: readonly string[], version: string): Request | Answer {
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
  return toRequest(command);
}

const unbuilt = (flags: string): Option => new Option(flags).hideHelp();

function define(version: string): Command {
  return new Command("verify")
    .description("Proves that restore points are as they were made, or names everything that is wrong.")
    .addArgument(new Argument("[point]", "a restore point's ID, latest or all"))
    .option("--quick", "lengths and SHA-256 of all objects; needs no key", false)
    .option("--full", "open and compare everything (default)", false)
    .option("--test-restore", "restore into throwaway containers, and compare", false)
    .option("--boot", "with it: start the application on that, and ask its health", false)
    .addOption(unbuilt("--remote [target]"))
    .option("--show-config", "print the settings in force, and stop", false)
    .option("--json", "one JSON document (the report) on stdout, logs on stderr", false)
    .option("--quiet", "errors only", false)
    .option("--verbose", "more detail, and a stack on errors", false)
    .version(version, "--version", "print the version")
    .addHelpText("after", epilogue)
    .allowExcessArguments(false);
}

interface Options {
  quick: boolean;
  full: boolean;
  testRestore: boolean;
  boot: boolean;
  remote?: string | boolean;
  showConfig: boolean;
  json: boolean;
  quiet: boolean;
}

const flags = { quick: "--quick", full: "--full", testRestore: "--test-restore" } as const;

function toRequest(command: Command): Request {
  const options = command.opts<Options>();
  const point: unknown = command.processedArgs[0];
  if (options.remote !== undefined) {
    throw new BackupError("USAGE", "--remote is not part of this version of verify", {
      hint: "Use --quick, --full or --test-restore, which check the local repository.",
    });
  }
  const modes = (["quick", "full", "testRestore"] as const).filter((name) => options[name]);
  if (modes.length > 1) throw usage(`${modes.map((name) => flags[name]).join(" and ")} exclude each other`);
  if (options.boot && !options.testRestore) throw usage("--boot is a part of --test-restore");
  if (typeof point !== "string" && !options.showConfig) {
    throw usage("which restore point? Give its ID, latest or all");
  }
  return {
    action: options.showConfig ? "show-config" : "verify",
    point: typeof point === "string" ? point : "latest",
    mode: options.quick ? "quick" : options.testRestore ? "test-restore" : "full",
    boot: options.boot,
    json: options.json,
    quiet: options.quiet,
  };
}

function usage(message: string, cause?: unknown): BackupError {
  return new BackupError("USAGE", message, { hint: "See verify --help.", cause });
}
