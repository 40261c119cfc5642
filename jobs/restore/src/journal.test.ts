import { expect, it } from "vitest";
import { rebound, type Journal } from "./journal.ts";

const intent: Journal = {
  version: 1,
  tag: "0123456789ab",
  id: "erlmcp_full_20260202_120000",
  safety: null,
  state: "applying",
  begun_at: "2026-02-02T12:00:00.000Z",
  select: { only: null, tables: [], databases: [], volumes: [], paths: [] },
  renames: {},
  nodes: [{ recorded: "a@b", node: "a@b", container: "old", directory: "/data" }],
  accept_schema: false,
  stopped: [
    { id: "old", name: "node" },
    { id: "same", name: "files" },
    { id: "gone", name: "away" },
  ],
};

it("knows a container that was made anew by its name, and leaves what is gone to fail by its own", () => {
  const found = rebound(intent, [
    { id: "new", name: "node" },
    { id: "same", name: "files" },
  ]);
  expect(found.stopped.map(({ id }) => id)).toEqual(["new", "same", "gone"]);
  expect(found.nodes.map(({ container }) => container)).toEqual(["new"]);
});
