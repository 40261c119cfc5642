import { expect, it } from "vitest";
import { parseCommandLine, type Request } from "./cli.ts";

const told = { version: "0.0.0", now: new Date("2026-02-03T12:00:00Z") };

function parsed(...argv: string[]): Request {
  const request = parseCommandLine(argv, told);
  if (request.action === "answer") throw new Error(request.text);
  return request;
}

it("restores all of a restore point, verified and with a safety backup, when nothing else is said", () => {
  expect(parsed("latest")).toMatchObject({ action: "restore", point: "latest", verify: true, safetyBackup: true });
  expect(parsed("latest").select).toEqual({ only: undefined, tables: [], databases: [], volumes: [], paths: [] });
});

it("takes every choice of parts, several times", () => {
  const { select } = parsed(
    "latest",
    "--only=mnesia,postgres,volumes",
    "--table=mnesia:account",
    "--table=public.person",
    "--database=erlmcp",
    "--volume=data",
    "--path=data:etc/a b",
  );
  expect(select).toEqual({
    only: new Set(["mnesia", "postgres", "volumes"]),
    tables: ["mnesia:account", "public.person"],
    databases: ["erlmcp"],
    volumes: ["data"],
    paths: ["data:etc/a b"],
  });
});

it("takes what --only has, named one by one", () => {
  expect(parsed("latest", "--only=postgres,config", "--table=a", "--path=etc/a").select.tables).toEqual(["a"]);
});

it("unpacks with --to, and renames nodes", () => {
  const request = parsed("--at=2026-02-02T12:00:00Z", "--to=/out", "--rename-node=a@x=b@y");
  expect(request).toMatchObject({ action: "unpack", to: "/out", at: new Date("2026-02-02T12:00:00Z") });
  expect([...request.renames]).toEqual([["a@x", "b@y"]]);
});

it.each([
  [[], /which restore point/],
  [["latest", "--at=2026-02-02"], /exclude each other/],
  [["latest", "--list"], /--list takes no restore point/],
  [["--list", "--only=ets", "--volume=data"], /--list takes no --only, --volume/],
  [["--abort", "--dry-run"], /--abort takes no --dry-run/],
  [
    ["--resume", "--skip-verification", "--no-safety-backup"],
    /--resume takes no --skip-verification, --no-safety-backup/,
  ],
  [["latest", "--only=ets", "--database=shop"], /--database=shop is in postgres, which --only=ets leaves out/],
  [["latest", "--only=ets,volumes", "--table=mnesia:a"], /--table=mnesia:a is in mnesia, which --only=ets,volumes/],
  [["latest", "--only=config", "--table=a"], /--table=a is in ets or dets or mnesia or postgres, which/],
  [["latest", "--only=postgres", "--path=etc/a"], /--path=etc\/a is in volumes or config, which/],
  [["latest", "--only=config", "--volume=data"], /--volume=data is in volumes, which/],
  [["--list", "--resume"], /exclude each other/],
  [["latest", "--only=ets,redis"], /"redis" is none of/],
  [["latest", "--only="], /"" is none of/],
  [["latest", "--to=out"], /absolute path/],
  [["latest", "--rename-node=a=b"], /is not OLD@HOST=NEW@HOST/],
  [["latest", "--rename-node=a@x=b@y", "--rename-node=a@x=c@y"], /renamed twice/],
  [["latest", "--frobnicate"], /unknown option/],
  [["latest", "other"], /too many arguments/],
])("refuses %j", (argv, message) => {
  const attempt = (): unknown => parseCommandLine(argv, told);
  expect(attempt).toThrow(message);
  expect(attempt).toThrow(expect.objectContaining({ code: "USAGE" }));
});

it("shows a help of at most 80 columns", () => {
  const answer = parseCommandLine(["--help"], told);
  if (answer.action !== "answer") throw new Error("no answer");
  expect(Math.max(...answer.text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(answer.text).toContain("--rename-node");
});
