import { z } from "zod";
import { quoteLiteral } from "./access.ts";
import { listDatabases, readServer, type ListedDatabase, type ServerFacts } from "./facts.ts";
import { controlDatabase, controlPrefix } from "./names.ts";
import type { Recorded, RecordedDatabase } from "./recorded.ts";
import { readRoom, shell, type Room } from "./room.ts";
import type { Entrance } from "./target.ts";

/** What a restore would do, and why it would not work. */
export interface PostgresRestorePlan {
  databases: { name: string; exists: boolean; bytes: number }[]; // bytes: on disk when it was captured
  needBytes: number; // of all of them, beside those that are there
  freeBytes: number | undefined;
  problems: string[]; // each is a reason not to begin
  warnings: string[];
}

export interface ServerState {
  server: ServerFacts;
  databases: ListedDatabase[];
  room: Room;
  extensions: Readonly<Record<string, readonly string[]>>; // versions that can be created
  busy: { database: string; what: string; blocks: boolean }[];
  noFolder: string[]; // of tablespaces that the server lacks
  noLocale: { database: string; error: string }[];
}

const Found = z.object({
  extensions: z.record(z.string(), z.array(z.string())),
  prepared: z.array(z.object({ database: z.string(), count: z.int() })),
  slots: z.array(z.object({ database: z.string(), name: z.string() })),
  subscriptions: z.array(z.object({ database: z.string(), name: z.string() })),
});

const stateSql = `SELECT json_build_object(
  'extensions', (SELECT coalesce(json_object_agg(name, versions), '{}') FROM (SELECT name, json_agg(version) AS versions
    FROM pg_catalog.pg_available_extension_versions GROUP BY name) v),
  'prepared', (SELECT coalesce(json_agg(json_build_object('database', database, 'count', n)), '[]')
    FROM (SELECT database, count(*) AS n FROM pg_catalog.pg_prepared_xacts GROUP BY database) p),
  'slots', (SELECT coalesce(json_agg(json_build_object('database', database, 'name', slot_name)), '[]')
    FROM pg_catalog.pg_replication_slots WHERE database IS NOT NULL),
  'subscriptions', (SELECT coalesce(json_agg(json_build_object('database', datname, 'name', subname)), '[]')
    FROM pg_catalog.pg_subscription JOIN pg_catalog.pg_database d ON d.oid = subdbid));`;

/** Looks at the server and changes nothing. */
export async function readServerState(
  access: Entrance,
  recorded: Recorded,
  chosen: readonly RecordedDatabase[],
): Promise<ServerState> {
  const through = access.database;
  const server = await readServer(access, through);
  const databases = await listDatabases(access, through);
  const { extensions, prepared, slots, subscriptions } = Found.parse(JSON.parse(await access.query(through, stateSql)));
  const blocking = prepared.map(({ database, count }) => ({
    database,
    what: `${count} prepared transactions`,
    blocks: true,
  }));
  const lasting = [
    ...slots.map(({ database, name }) => ({ database, what: `the replication slot ${name}`, blocks: false })),
    ...subscriptions.map(({ database, name }) => ({ database, what: `the subscription ${name}`, blocks: false })),
  ];
  const missing = recorded.server.tablespaces.filter(
    ({ name }) => !server.tablespaces.some((tablespace) => tablespace.name === name),
  );
  const noFolder: string[] = [];
  for (const { name, location } of missing) {
    const answer = await shell(access, '[ -d "$1" ] && [ -w "$1" ] && echo yes', [location]);
    if (answer.trim() !== "yes")
      noFolder.push(`tablespace ${name} needs the folder ${location}, writable for the server`);
  }
  const noLocale = await missingLocales(access, chosen);
  return {
    server,
    databases,
    room: await readRoom(access),
    extensions,
    busy: [...blocking, ...lasting],
    noFolder,
    noLocale,
  };
}

/** Asks the server to make a collation of each locale, in a transaction that is never committed. */
async function missingLocales(access: Entrance, chosen: readonly RecordedDatabase[]): Promise<ServerState["noLocale"]> {
  const answers = new Map<string, string | undefined>();
  const missing: ServerState["noLocale"] = [];
  for (const { facts } of chosen) {
    const libc = `provider = libc, lc_collate = ${quoteLiteral(facts.collate)}, lc_ctype = ${quoteLiteral(facts.ctype)}`;
    const icu = `provider = icu, locale = ${quoteLiteral(facts.locale ?? "und")}`;
    const wishes = facts.provider === "i" ? [libc, icu] : [libc];
    for (const wish of wishes) {
      if (!answers.has(wish)) answers.set(wish, await whyNoCollation(access, wish));
      const error = answers.get(wish);
      if (error !== undefined) missing.push({ database: facts.name, error });
    }
  }
  return missing;
}

/** Only what says that there is no such locale counts: one of another encoding than our database's is no loss. */
async function whyNoCollation(access: Entrance, wish: string): Promise<string | undefined> {
  const sql = `BEGIN;\nCREATE COLLATION pg_temp.erlmcp_try (${wish});\nROLLBACK;`;
  const { errors } = await access.attempt(access.database, sql);
  return /(could not create locale .*|ICU is not supported.*|could not (?:open collator|convert locale name) .*)/.exec(
    errors,
  )?.[1];
}

const major = (versionNum: number): number => Math.floor(versionNum / 10_000);

export interface Restored {
  chosen: readonly RecordedDatabase[];
  restoreId: string;
  room?: { needBytes: number; leastBytes: number }; // when they are not restored whole
}

/** Compares what was captured with the server; pure. */
export function assessRestore(
  recorded: Recorded,
  state: ServerState,
  { chosen, restoreId, room }: Restored,
): PostgresRestorePlan {
  const databases = chosen.map(({ facts: { name, bytes } }) => ({
    name,
    bytes,
    exists: state.databases.some((database) => database.name === name),
  }));
  const whole = {
    needBytes: databases.reduce((sum, { bytes }) => sum + bytes, 0),
    leastBytes: chosen.reduce((sum, { entry }) => sum + entry.content.bytes, 0),
  };
  const wanted = room ?? whole;
  const found = [
    assessServer(recorded, state, restoreId),
    assessDatabases(state, chosen),
    assessExtensions(state, chosen),
    assessRoom(state, wanted),
  ];
  return {
    databases,
    needBytes: wanted.needBytes,
    freeBytes: state.room.freeBytes,
    problems: found.flatMap(({ problems }) => problems),
    warnings: found.flatMap(({ warnings }) => warnings),
  };
}

interface Findings {
  problems: string[];
  warnings: string[];
}

function assessServer(recorded: Recorded, { server, databases, noFolder }: ServerState, restoreId: string): Findings {
  const problems = [...noFolder];
  const warnings: string[] = [];
  const captured = major(recorded.server.versionNum);
  const running = major(server.versionNum);
  if (running < captured) {
    problems.push(
      `the server is PostgreSQL ${running}, and the dumps are of ${captured}: an older one can't read them`,
    );
  } else if (running > captured) {
    warnings.push(`the server is PostgreSQL ${running}, the dumps are of ${captured}`);
  }
  if (server.inRecovery) problems.push("the server is a standby: restore to its primary");
  if (!server.superuser) problems.push(`role ${server.user} is no superuser`);
  for (const { name } of databases) {
    if (!name.startsWith(controlPrefix) || name === controlDatabase(restoreId)) continue;
    problems.push(`restore ${name.slice(controlPrefix.length)} is neither finished nor undone`);
  }
  for (const library of recorded.server.preload.split(/\s*,\s*/)) {
    if (library === "" || server.preload.split(/\s*,\s*/).includes(library)) continue;
    warnings.push(`the captured server preloaded ${library} (shared_preload_libraries), and this one does not`);
  }
  if (recorded.globals === undefined) warnings.push("the restore point has no globals: roles are left as they are");
  return { problems, warnings };
}

function assessDatabases({ databases, busy, noLocale }: ServerState, chosen: readonly RecordedDatabase[]): Findings {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const { facts } of chosen) {
    const { name } = facts;
    const live = databases.find((database) => database.name === name);
    if (live?.row.datconnlimit === -2) problems.push(`database ${name} is half dropped: drop it`);
    for (const { what, blocks } of busy.filter(({ database }) => database === name)) {
      if (blocks) problems.push(`database ${name} has ${what}: end them`);
      else warnings.push(`database ${name} has ${what}, which the restored one will not have`);
    }
    for (const { error } of noLocale.filter(({ database }) => database === name)) {
      problems.push(`database ${name}: ${error}`);
    }
    if (live !== undefined && live.encoding !== facts.encoding) {
      warnings.push(`database ${name} is ${live.encoding} and will be ${facts.encoding}, as it was captured`);
    }
  }
  return { problems, warnings };
}

function assessExtensions({ extensions }: ServerState, chosen: readonly RecordedDatabase[]): Findings {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const { facts } of chosen) {
    for (const { name, version } of facts.extensions) {
      const versions = extensions[name];
      if (versions === undefined) {
        problems.push(`database ${facts.name} needs the extension ${name} ${version}, which the server does not have`);
      } else if (!versions.includes(version)) {
        warnings.push(
          `database ${facts.name}: extension ${name} was ${version}; the server has ${versions.join(", ")}`,
        );
      }
    }
  }
  return { problems, warnings };
}

/** Dumps hold the rows without indexes, so no restored database is smaller. */
function assessRoom(
  { room }: ServerState,
  { needBytes, leastBytes }: { needBytes: number; leastBytes: number },
): Findings {
  const { freeBytes, folder } = room;
  if (freeBytes === undefined) return { problems: [], warnings: [`how much room there is in ${folder} can't be told`] };
  const said = `${freeBytes} bytes are free in ${folder}, and the restored databases need`;
  if (freeBytes < leastBytes)
    return { problems: [`${said} ${leastBytes} at least, beside those that are there`], warnings: [] };
  return freeBytes < needBytes
    ? { problems: [], warnings: [`${said} ${needBytes} if they are as large as at the capture`] }
    : { problems: [], warnings: [] };
}
