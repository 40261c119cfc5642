import type { ErlangSettings } from "@erlmcp/docker";
import { expect, it } from "vitest";
import { checkIdentity } from "./identity.ts";
import { Inventory } from "./inventory.ts";

const settings: ErlangSettings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] };

interface Node {
  readonly applications: readonly string[];
  readonly running: string;
  readonly wantedBy?: readonly string[];
  readonly schemaFile?: boolean;
}

function inventoryOf({ applications, running, wantedBy = [], schemaFile = false }: Node): Inventory {
  return Inventory.parse({
    identity: {
      node: "shop@box",
      creation: 1,
      otp: "27",
      erts: "15.2",
      started_ms: 0,
      uptime_ms: 0,
      memory_bytes: 0,
      super_user: true,
      applications: applications.map((name) => ({ name, version: "1" })),
    },
    ets: [],
    dets: [],
    mnesia: { running, wanted_by: wantedBy, directory: "/data", schema_file: schemaFile, tables: [] },
  });
}

const shop = ["kernel", "stdlib", "shop"];

it.for<{ name: string; node: Node; message: string; hint: string }>([
  {
    name: "RabbitMQ with Khepri, whose Mnesia is stopped and empty",
    node: { applications: ["kernel", "stdlib", "rabbit", "khepri"], running: "no", wantedBy: ["rabbit"] },
    message: "Mnesia does not run on shop@box, and the application rabbit needs it",
    hint: "RabbitMQ with Khepri keeps its data elsewhere: use its own export of definitions",
  },
  {
    name: "Mnesia that is stopped, while its files are there",
    node: { applications: shop, running: "no", schemaFile: true },
    message: "Mnesia does not run on shop@box, and its files lie in /data",
    hint: "Start Mnesia, or wait until it has started",
  },
  {
    name: "Mnesia that has not started yet",
    node: { applications: shop, running: "starting" },
    message: "Mnesia does not run on shop@box, and it is starting",
    hint: "wait until it has started",
  },
  {
    name: "a node of OTP alone",
    node: { applications: ["kernel", "stdlib", "sasl"], running: "no" },
    message: "the node shop@box runs no application and holds no table of one",
    hint: "Is it the right container, and has the application started?",
  },
])("refuses $name, and says what to do", ({ node, message, hint }) => {
  const check = (): void => checkIdentity(inventoryOf(node), { container: "box", settings });
  expect(check).toThrow(
    expect.objectContaining({ code: "SOURCE_FAILED", message, hint: expect.stringContaining(hint) }),
  );
});

it("takes an application that has no Mnesia", () => {
  const inventory = inventoryOf({ applications: shop, running: "no" });
  expect(() => checkIdentity(inventory, { container: "box", settings })).not.toThrow();
});
