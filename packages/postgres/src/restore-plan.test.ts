import { expect, it } from "vitest";
import type { DumpEntry } from "@erlmcp/entry";
import type { ListedDatabase, ServerFacts } from "./facts.ts";
import { parseTableName, type Recorded } from "./recorded.ts";
import { assessRestore, type ServerState } from "./restore-plan.ts";

const server: ServerFacts = {
  version: "17.11",
  versionNum: 170_011,
  inRecovery: false,
  systemIdentifier: null,
  user: "postgres",
  superuser: true,
  timezone: "UTC",
  startedAt: "",
  dataChecksums: true,
  preload: "pg_stat_statements, pg_cron",
  roles: 1,
  tablespaces: [],
};
const entry: DumpEntry = {
  kind: "dump",
  path: "databases/app",
  facts: {},
  content: { bytes: 600, depth: 0, chunks: [] },
};
const facts = {
  name: "app",
  owner: "o",
  encoding: "UTF8",
  tablespace: "pg_default",
  collate: "C",
  ctype: "C",
  provider: "c",
  locale: null,
  bytes: 1000,
  extensions: [{ name: "postgis", version: "3.4", schema: "public" }],
  largeObjects: 0,
  tables: [],
};
const recorded: Recorded = { server, globals: entry, passwords: true, databases: [{ entry, facts }] };
const row = { datallowconn: true, datistemplate: false, datconnlimit: -1, datcollate: "C", datctype: "C" };
const live: ListedDatabase = { name: "app", owner: "o", encoding: "UTF8", tablespace: "pg_default", row };
const fitting: ServerState = {
  server,
  databases: [live],
  room: { folder: "/data", freeBytes: 5000, writable: true, cores: 2 },
  extensions: { postgis: ["3.4", "3.5"] },
  busy: [],
  noFolder: [],
  noLocale: [],
};
const assess = (state: Partial<ServerState>, from: Partial<Recorded> = {}): ReturnType<typeof assessRestore> =>
  assessRestore({ ...recorded, ...from }, { ...fitting, ...state }, { chosen: recorded.databases, restoreId: "r1" });

it("finds nothing wrong with a server like the captured one", () => {
  expect(assess({})).toEqual({
    databases: [{ name: "app", exists: true, bytes: 1000 }],
    needBytes: 1000,
    freeBytes: 5000,
    problems: [],
    warnings: [],
  });
  expect(assess({ databases: [] }).databases).toEqual([{ name: "app", exists: false, bytes: 1000 }]);
  expect(assess({ databases: [live, { ...live, name: "erlmcp_restore_r1" }] }).problems).toEqual([]);
});

it.for<{ name: string; state: Partial<ServerState>; says: string }>([
  {
    name: "an older server",
    state: { server: { ...server, versionNum: 160_004 } },
    says: "the server is PostgreSQL 16, and the dumps are of 17: an older one can't read them",
  },
  {
    name: "a standby",
    state: { server: { ...server, inRecovery: true } },
    says: "the server is a standby: restore to its primary",
  },
  {
    name: "a role without the rights",
    state: { server: { ...server, superuser: false } },
    says: "role postgres is no superuser",
  },
  {
    name: "another restore",
    state: { databases: [live, { ...live, name: "erlmcp_restore_r0" }] },
    says: "restore r0 is neither finished nor undone",
  },
  {
    name: "a missing extension",
    state: { extensions: {} },
    says: "database app needs the extension postgis 3.4, which the server does not have",
  },
  {
    name: "a database half dropped",
    state: { databases: [{ ...live, row: { ...row, datconnlimit: -2 } }] },
    says: "database app is half dropped: drop it",
  },
  {
    name: "a database that is held",
    state: { busy: [{ database: "app", what: "2 prepared transactions", blocks: true }] },
    says: "database app has 2 prepared transactions: end them",
  },
  {
    name: "a locale that is missing",
    state: { noLocale: [{ database: "app", error: 'could not create locale "xx"' }] },
    says: 'database app: could not create locale "xx"',
  },
  { name: "a tablespace without its folder", state: { noFolder: ["tablespace fast …"] }, says: "tablespace fast …" },
  {
    name: "a full disk",
    state: { room: { ...fitting.room, freeBytes: 599 } },
    says: "599 bytes are free in /data, and the restored databases need 600 at least, beside those that are there",
  },
])("refuses $name", ({ state, says }) => {
  expect(assess(state).problems).toEqual([says]);
});

it.for<{ name: string; state: Partial<ServerState>; from?: Partial<Recorded>; says: string }>([
  {
    name: "a newer server",
    state: { server: { ...server, versionNum: 180_001 } },
    says: "the server is PostgreSQL 18, the dumps are of 17",
  },
  {
    name: "another version of an extension",
    state: { extensions: { postgis: ["3.5"] } },
    says: "database app: extension postgis was 3.4; the server has 3.5",
  },
  {
    name: "a library that is not preloaded",
    state: { server: { ...server, preload: "pg_cron" } },
    says: "the captured server preloaded pg_stat_statements (shared_preload_libraries), and this one does not",
  },
  {
    name: "a replication slot",
    state: { busy: [{ database: "app", what: "the replication slot s", blocks: false }] },
    says: "database app has the replication slot s, which the restored one will not have",
  },
  {
    name: "another encoding",
    state: { databases: [{ ...live, encoding: "LATIN1" }] },
    says: "database app is LATIN1 and will be UTF8, as it was captured",
  },
  {
    name: "a disk that may become full",
    state: { room: { ...fitting.room, freeBytes: 999 } },
    says: "999 bytes are free in /data, and the restored databases need 1000 if they are as large as at the capture",
  },
  {
    name: "room that can't be told",
    state: { room: { ...fitting.room, freeBytes: undefined } },
    says: "how much room there is in /data can't be told",
  },
  {
    name: "a restore point without globals",
    state: {},
    from: { globals: undefined },
    says: "the restore point has no globals: roles are left as they are",
  },
])("warns of $name", ({ state, from, says }) => {
  const { problems, warnings } = assess(state, from);
  expect({ problems, warnings }).toEqual({ problems: [], warnings: [says] });
});

it.for([
  { written: "app.shop.item", table: { database: "app", schema: "shop", name: "item" } },
  { written: 'app."my.schema"."a ""b"', table: { database: "app", schema: "my.schema", name: 'a "b' } },
  { written: 'Übung.b c."d"', table: { database: "Übung", schema: "b c", name: "d" } },
])("reads $written", ({ written, table }) => {
  expect(parseTableName(written)).toEqual(table);
});

it.for(["", "item", "shop.item", "a.b.c.d", 'a."b.c', "a..c"])("takes %j for no table's name", (written) => {
  expect(() => parseTableName(written)).toThrow(expect.objectContaining({ code: "USAGE" }));
});
