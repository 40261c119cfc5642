import { describe, expect, it } from "vitest";
import { execFailure, lacksShell } from "./exec-failure.ts";
import { chooseVm, sameNode, type Vm } from "./vm.ts";

const vm = (pid: string, name: string): Vm => ({ pid, uid: "0", gid: "0", name });

describe("chooseVm", () => {
  it.for([
    { name: "the only one", vms: [vm("7", "a")], wanted: undefined, pid: "7" },
    { name: "the only one whose name nobody could see", vms: [vm("7", "")], wanted: "a@h", pid: "7" },
    { name: "the one that the label names", vms: [vm("7", "a"), vm("8", "b@h")], wanted: "b@h", pid: "8" },
    { name: "by its short name", vms: [vm("7", "a@h"), vm("8", "b@h")], wanted: "b", pid: "8" },
  ])("takes $name", ({ vms, wanted, pid }) => {
    expect(chooseVm(vms, "box", wanted).pid).toBe(pid);
  });

  it.for([
    { name: "none", vms: [], wanted: undefined, message: "container box runs no Erlang VM" },
    {
      name: "several",
      vms: [vm("7", "a"), vm("8", "")],
      wanted: undefined,
      message: "container box runs several Erlang VMs: a (process 7), unnamed (process 8)",
    },
    {
      name: "several, none as named",
      vms: [vm("7", "a"), vm("8", "b")],
      wanted: "c",
      message: "container box runs several Erlang VMs: a (process 7), b (process 8)",
    },
    {
      name: "two of that name",
      vms: [vm("7", "a"), vm("8", "a")],
      wanted: "a",
      message: "container box runs several Erlang VMs: a (process 7), a (process 8)",
    },
  ])("refuses $name", ({ vms, wanted, message }) => {
    expect(() => chooseVm(vms, "box", wanted)).toThrow(message);
  });

  it("compares hosts only where both have one", () => {
    expect([sameNode("a@x", "a@y"), sameNode("a", "a@y"), sameNode("a@x", "b")]).toEqual([false, true, false]);
  });
});

it.for([
  {
    name: "the engine that finds no sh",
    exitCode: 127,
    text: 'exec: "sh": executable file not found in $PATH',
    lacks: true,
  },
  { name: "a runtime that finds no sh", exitCode: 1, text: "stat /bin/sh: no such file or directory", lacks: true },
  { name: "a shell without the tools", exitCode: 127, text: "", lacks: true },
  { name: "a failure line of our own", exitCode: 1, text: "erlmcp: no_cookie /x: no such file", lacks: false },
  { name: "a process that was killed", exitCode: 137, text: "", lacks: false },
])("tells from $name whether there is a shell: $lacks", ({ exitCode, text, lacks }) => {
  expect(lacksShell({ exitCode, text })).toBe(lacks);
});

describe("execFailure", () => {
  it.for([
    {
      name: "our own line, wherever it stands",
      exitCode: 1,
      text: "noise\nerlmcp: no_cookie no cookie found\nmore",
      message: "cannot reach the node in box: no cookie found",
      hint: "Set the label erlmcp.backup.cookie-file to the file that holds the node's cookie.",
    },
    {
      name: "anything else, made printable",
      exitCode: 137,
      text: "first\nlast\u001b[31m words\n",
      message: "the client in box ended with status 137: last [31m words",
      hint: undefined,
    },
  ])("tells $name", ({ exitCode, text, message, hint }) => {
    const error = execFailure("box", { exitCode, text });
    expect([error.code, error.message, error.hint]).toEqual(["SOURCE_FAILED", message, hint]);
  });
});
