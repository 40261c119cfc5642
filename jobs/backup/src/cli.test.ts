import { BackupError } from "@erlmcp/errors";
import { expect, it } from "vitest";
import { parseCommandLine } from "./cli.ts";

const parse = (...argv: string[]) => parseCommandLine(argv, "1.2.3");

function usageError(...argv: string[]): string {
  try {
    parse(...argv);
  } catch (error) {
    if (error instanceof BackupError && error.code === "USAGE") return error.message;
    throw error;
  }
  return "accepted";
}

it("takes a full backup of everything when nothing is said", () => {
  expect(parse()).toEqual({
    action: "backup",
    type: "full",
    only: undefined,
    dryRun: false,
    upload: true,
    json: false,
    quiet: false,
    verbose: false,
  });
});

it("reads type and options in any order", () => {
  expect(parse("--json", "incremental", "--no-upload", "--only=mnesia, ets")).toMatchObject({
    type: "incremental",
    upload: false,
    json: true,
    only: new Set(["mnesia", "ets"]),
  });
});

it.for([
  ["--cleanup-only", "cleanup"],
  ["--list", "list"],
  ["--show-config", "show-config"],
])("%s means %s", ([flag, action]) => {
  expect(parse(flag ?? "")).toMatchObject({ action });
});

it("answers --version and --help", () => {
  expect(parse("--version")).toEqual({ action: "answer", text: "1.2.3\n" });
  const help = parse("--help");
  expect(help.action === "answer" ? help.text : "").toContain("Usage: backup [options] [type]");
});

it("keeps the help within 80 columns", () => {
  const help = parse("--help");
  const lines = help.action === "answer" ? help.text.split("\n") : [];
  expect(lines.length).toBeGreaterThan(10);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

it.for([
  [["differential"], "Allowed choices are full, incremental, compliance"],
  [["--frobnicate"], "unknown option '--frobnicate'"],
  [["full", "extra"], "too many arguments"],
  [["--only=redis"], '--only: "redis" is none of ets, dets, mnesia, postgres, volumes, config'],
  [["--only="], '--only: "" is none of'],
  [["--list", "--dry-run"], "exclude each other"],
] as const)("refuses %j", ([argv, message]) => {
  expect(usageError(...argv)).toContain(message);
});
