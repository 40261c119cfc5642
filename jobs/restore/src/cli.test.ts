import { expect, it } from "vitest";
import { parseCommandLine, type Request } from "./cli.ts";

function parsed(...argv: string[]): Request {
  const request = parseCommandLine(argv, "0.0.0");
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
    "--only=ets,postgres",
    "--table=mnesia:account",
    "--table=public.person",
    "--database=erlmcp",
    "--volume=data",
    "--path=data:etc/a b",
  );
  expect(select).toEqual({
    only: new Set(["ets", "postgres"]),
    tables: ["mnesia:account", "public.person"],
    databases: ["erlmcp"],
    volumes: ["data"],
    paths: ["data:etc/a b"],
  });
});

it("unpacks with --to, and renames nodes", () => {
  const request = parsed("--at=2026-02-02T12:00:00Z", "--to=/out", "--rename-node=a@x=b@y");
  expect(request).toMatchObject({ action: "unpack", to: "/out", at: new Date("2026-02-02T12:00:00Z") });
  expect([...request.renames]).toEqual([["a@x", "b@y"]]);
});

it.each([
  [[], /which restore point/],
  [["latest", "--at=2026-02-02"], /exclude each other/],
  [["latest", "--list"], /takes no restore point/],
  [["--list", "--resume"], /exclude each other/],
  [["latest", "--only=ets,redis"], /"redis" is none of/],
  [["latest", "--only="], /"" is none of/],
  [["latest", "--to=out"], /absolute path/],
  [["latest", "--rename-node=a=b"], /is not OLD@HOST=NEW@HOST/],
  [["latest", "--rename-node=a@x=b@y", "--rename-node=a@x=c@y"], /renamed twice/],
  [["latest", "--frobnicate"], /unknown option/],
  [["latest", "other"], /too many arguments/],
])("refuses %j", (argv, message) => {
  const attempt = (): unknown => parseCommandLine(argv, "0.0.0");
  expect(attempt).toThrow(message);
  expect(attempt).toThrow(expect.objectContaining({ code: "USAGE" }));
});

it("shows a help of at most 80 columns", () => {
  const answer = parseCommandLine(["--help"], "0.0.0");
  if (answer.action !== "answer") throw new Error("no answer");
  expect(Math.max(...answer.text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(answer.text).toContain("--rename-node");
});
