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

it.for([
  [["latest"], { action: "verify", point: "latest", mode: "full", json: false, quiet: false }],
  [["--json", "all", "--quick"], { action: "verify", point: "all", mode: "quick", json: true, quiet: false }],
  [
    ["--full", "erlmcp_full_20260202_120000", "--quiet"],
    { point: "erlmcp_full_20260202_120000", mode: "full", quiet: true },
  ],
  [["latest", "--test-restore"], { mode: "test-restore", boot: false }],
  [["latest", "--test-restore", "--boot"], { mode: "test-restore", boot: true }],
  [["--show-config"], { action: "show-config" }],
] as const)("reads %j", ([argv, expected]) => {
  expect(parse(...argv)).toMatchObject(expected);
});

it.for([
  [[], "which restore point? Give its ID, latest or all"],
  [["latest", "--quick", "--full"], "--quick and --full exclude each other"],
  [["latest", "--test-restore", "--quick"], "--quick and --test-restore exclude each other"],
  [["latest", "--boot"], "--boot is a part of --test-restore"],
  [["latest", "--remote"], "--remote is not part of this version of verify"],
  [["latest", "--remote=dr"], "--remote is not part of this version of verify"],
  [["latest", "first"], "too many arguments"],
  [["--frobnicate"], "unknown option '--frobnicate'"],
] as const)("refuses %j", ([argv, message]) => {
  expect(usageError(...argv)).toContain(message);
});

it("answers --version and --help, which does not speak of what is not there", () => {
  expect(parse("--version")).toEqual({ action: "answer", text: "1.2.3\n" });
  const help = parse("--help");
  const text = help.action === "answer" ? help.text : "";
  expect(text).toContain("Usage: verify [options] [point]");
  expect(text).not.toMatch(/--remote/);
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
});
