import type { ErlangSettings } from "@erlmcp/docker";
import { describe, expect, it } from "vitest";
import type { DetsTable, EtsTable, Inventory, MnesiaTable } from "./inventory.ts";
import { planDets, planEts, planMnesia, planMnesiaLocal, type TablePlan } from "./plan.ts";

const user: ErlangSettings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] };
const MiB = 1024 * 1024;

function ets(facts: Partial<EtsTable>): EtsTable {
  return {
    ix: 1,
    name: "t",
    named: true,
    type: "set",
    protection: "protected",
    keypos: 1,
    rows: 10,
    bytes: 1000,
    compressed: "false",
    read_concurrency: "false",
    write_concurrency: "false",
    decentralized_counters: "false",
    owner: "shop",
    owner_app: "shop",
    owner_init: undefined,
    ...facts,
  };
}

function mnesia(facts: Partial<MnesiaTable>): MnesiaTable {
  return {
    name: "t",
    type: "set",
    storage: "disc_copies",
    local_content: false,
    record_name: "t",
    attributes: ["key", "value"],
    index: [],
    ram_copies: [],
    disc_copies: ["a@h"],
    disc_only_copies: [],
    all_nodes: ["a@h"],
    read_from: "a@h",
    fragment_of: undefined,
    majority: false,
    load_order: 0,
    rows: 3,
    words: 100,
    ...facts,
  };
}

function inventory(tables: {
  ets?: EtsTable[];
  dets?: DetsTable[];
  mnesia?: MnesiaTable[];
  superUser?: boolean;
}): Inventory {
  return {
    identity: {
      node: "a@h",
      creation: 1,
      otp: "27",
      erts: "15",
      started_ms: 0,
      uptime_ms: 0,
      memory_bytes: 0,
      super_user: tables.superUser ?? true,
      applications: [],
    },
    ets: tables.ets ?? [],
    dets: tables.dets ?? [],
    mnesia: {
      running: "yes",
      wanted_by: [],
      directory: "/data/mnesia",
      schema_file: true,
      db_nodes: ["a@h", "b@h"],
      running_nodes: ["a@h", "b@h"],
      tables: tables.mnesia ?? [],
    },
  };
}

/** What a test wants to see of a plan. */
function seen(plan: TablePlan<unknown> | undefined): string {
  if (plan === undefined) return "none";
  if (plan.action === "skip") return `${plan.verdict}: ${plan.reason}`;
  return [plan.mode.kind, plan.mode.check === true ? "checked" : "", ...plan.notes].filter(Boolean).join(", ");
}

describe("planEts", () => {
  it.for([
    { name: "a small table", table: {}, settings: {}, expected: "collect" },
    { name: "one of 20,000 rows", table: { rows: 20_000 }, settings: {}, expected: "collect" },
    { name: "one of 20,001 rows", table: { rows: 20_001 }, settings: {}, expected: "stream, checked" },
    { name: "few large rows", table: { bytes: 8 * MiB + 1 }, settings: {}, expected: "stream, checked" },
    { name: "the largest that is read twice", table: { bytes: 256 * MiB }, settings: {}, expected: "stream, checked" },
    { name: "a larger one", table: { bytes: 256 * MiB + 1 }, settings: {}, expected: "stream" },
    { name: "one to be exact", table: {}, settings: { etsSuspend: ["t"] }, expected: "suspend" },
    {
      name: "a public one to be exact",
      table: { protection: "public" },
      settings: { etsSuspend: ["t"] },
      expected: "collect, not suspended: it is public, anyone may write while its owner stands still",
    },
    {
      name: "one of the system to be exact",
      table: { owner_app: "kernel" },
      settings: { ets: "all", etsSuspend: ["t"] },
      expected: "collect, not suspended: its owner belongs to the system",
    },
    {
      name: "one of OTP",
      table: { owner_app: "ssl" },
      settings: {},
      expected: "ephemeral: owned by ssl, made anew at each start",
    },
    {
      name: "one of a process of the system",
      table: { owner: "code_server", owner_app: undefined },
      settings: {},
      expected: "ephemeral: owned by code_server of the system, made anew at each start",
    },
    {
      name: "one of nobody's application",
      table: { owner: undefined, owner_app: undefined },
      settings: {},
      expected: "collect",
    },
    { name: "one of OTP, all wanted", table: { owner_app: "ssl" }, settings: { ets: "all" }, expected: "collect" },
    { name: "one of OTP, named", table: { owner_app: "ssl" }, settings: { ets: ["t"] }, expected: "collect" },
    { name: "none wanted", table: {}, settings: { ets: "none" }, expected: "excluded: label erlmcp.backup.ets=none" },
    {
      name: "another named",
      table: {},
      settings: { ets: ["u"] },
      expected: "excluded: not named in label erlmcp.backup.ets",
    },
  ] satisfies { name: string; table: Partial<EtsTable>; settings: Partial<ErlangSettings>; expected: string }[])(
    "plans $name",
    ({ table, settings, expected }) => {
      const [plan] = planEts(inventory({ ets: [ets(table)] }), { ...user, ...settings });
      expect(seen(plan)).toBe(expected);
    },
  );

  it("leaves Mnesia's tables to Mnesia, even when all are wanted", () => {
    const [plan] = planEts(inventory({ ets: [ets({})], mnesia: [mnesia({})] }), { ...user, ets: "all" });
    expect(seen(plan)).toBe("excluded: belongs to Mnesia and is captured there");
  });

  it("says so when private tables cannot be read", () => {
    const [plan] = planEts(inventory({ ets: [ets({ protection: "private" })], superUser: false }), user);
    expect(seen(plan)).toBe("unreadable: private, and this OTP release has no way to read it from outside");
  });

  it("fails what a label names and the node lacks", () => {
    const plans = planEts(inventory({ ets: [ets({})] }), { ...user, ets: ["t", "gone"], etsSuspend: ["other"] });
    expect(plans.map(seen)).toEqual([
      "collect",
      "failed: named in label erlmcp.backup.ets, and not in the node",
      "failed: named in label erlmcp.backup.ets.suspend, and not in the node",
    ]);
  });

  it("knows unnamed tables by owner and age, and odd names as one path element each", () => {
    const unnamed = { name: "cache", named: false, owner: undefined, owner_init: "{pool,init,1}" };
    const plans = planEts(
      inventory({
        ets: [
          ets({ ix: 7, ...unnamed }),
          ets({ ix: 3, ...unnamed }),
          ets({ ix: 4, ...unnamed, owner: "shop" }),
          ets({ ix: 5, name: "a/b%c#d" }),
          ets({ ix: 6, name: ".." }),
          ets({ ix: 8, name: "" }),
        ],
      }),
      user,
    );
    expect(plans.map((plan) => plan.name)).toEqual([
      "cache#{pool,init,1}.2",
      "cache#{pool,init,1}.1",
      "cache#shop.1",
      "a%2Fb%25c%23d",
      "%2E%2E",
      "%",
    ]);
  });
});

describe("planDets", () => {
  const open: DetsTable = {
    ix: 1,
    name: "d",
    file: "/data/d.dets",
    type: "set",
    keypos: 1,
    rows: 1,
    bytes: 100,
    access: "read_write",
    mnesia_index: false,
  };

  it.for([
    { name: "an open table", table: {}, expected: "copy" },
    {
      name: "Mnesia's own",
      table: { name: "m", file: "/data/mnesia/m.DAT" },
      expected: "excluded: belongs to Mnesia and is captured there",
    },
    {
      name: "an index of Mnesia's",
      table: { file: "/data/mnesia/i.DAT", mnesia_index: true },
      expected: "excluded: belongs to Mnesia and is captured there",
    },
    { name: "one that only has the name of Mnesia's", table: { name: "m", file: "/data/m.dets" }, expected: "copy" },
    { name: "one that only lies beside Mnesia's", table: { file: "/data/mnesia/own.dets" }, expected: "copy" },
  ])("plans $name", ({ table, expected }) => {
    const [plan] = planDets(inventory({ dets: [{ ...open, ...table }], mnesia: [mnesia({ name: "m" })] }), user);
    expect(seen(plan)).toBe(expected);
  });

  it("takes files that labels name, once", () => {
    const plans = planDets(inventory({ dets: [open] }), { ...user, dets: ["/data/d.dets", "/data/old.dets"] });
    expect(plans.map(seen)).toEqual(["copy", "excluded: open in the node as d and captured as that", "copy"]);
    expect(plans.map((plan) => (plan.action === "capture" ? plan.path : ""))).toEqual([
      "d",
      "",
      "files/%2Fdata%2Fold.dets",
    ]);
  });
});

describe("planMnesia", () => {
  it("takes what has a live replica, wherever, and this node's local content", () => {
    const plans = planMnesia(
      inventory({
        mnesia: [
          mnesia({ name: "schema" }),
          mnesia({ name: "remote", read_from: "b@h" }),
          mnesia({ name: "dead", read_from: "nowhere", ram_copies: ["c@h"], disc_copies: ["b@h"] }),
          mnesia({ name: "mine", local_content: true }),
          mnesia({ name: "theirs", local_content: true, read_from: "nowhere" }),
        ],
      }),
    );
    expect(plans.map((plan) => (plan.action === "capture" ? plan.path : seen(plan)))).toEqual([
      "schema",
      "tables/remote",
      "unreadable: no live replica: its copies are on c@h, b@h",
      "local/a@h/mine",
      "excluded: local content, and none on this node",
    ]);
  });

  it("takes from other nodes their local content only", () => {
    const plans = planMnesiaLocal(
      inventory({ mnesia: [mnesia({ name: "schema" }), mnesia({}), mnesia({ name: "l", local_content: true })] }),
    );
    expect(plans.map((plan) => (plan.action === "capture" ? plan.path : ""))).toEqual(["local/a@h/l"]);
  });
});
