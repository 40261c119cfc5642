import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { quoteIdentifier } from "./access.ts";
import { completeOutput } from "./dump.ts";
import type { Read } from "./archive.ts";
import { Before, type Journal } from "./journal.ts";
import { planGlobals, type GlobalsState } from "./plan-globals.ts";
import type { Recorded } from "./recorded.ts";

const State = z.object({
  self: z.string(),
  roles: z.array(z.object({ name: z.string(), expires: z.boolean() })),
  tablespaces: z.array(z.string()),
});

const stateSql = `SELECT json_build_object('self', current_user,
  'roles', (SELECT json_agg(json_build_object('name', rolname, 'expires', rolvaliduntil IS NOT NULL)) FROM pg_catalog.pg_roles),
  'tablespaces', (SELECT json_agg(spcname) FROM pg_catalog.pg_tablespace));`;

type Server = Pick<GlobalsState, "roles" | "tablespaces" | "self">;

async function readState(journal: Journal): Promise<Server> {
  const { self, roles, tablespaces } = State.parse(JSON.parse(await journal.run(stateSql)));
  const known = new Map(roles.map(({ name, expires }) => [name, { expires }]));
  return { self, roles: known, tablespaces: new Set(tablespaces) };
}

/** The globals are text of a few kilobytes for each role. */
const limitBytes = 64 * 1024 * 1024;

/**
 * Gives the server the roles, memberships, settings and tablespaces of the restore point, after it has noted what they
 * were. A failing statement fails all of them, but for the tablespaces, which no transaction can hold.
 *
 * @returns notes for the operator, and how many of the captured roles are there
 * @throws BackupError FAILED with the server's words, CORRUPT
 */
export async function restoreGlobals(
  journal: Journal,
  { recorded, read, mode }: { recorded: Recorded; read: Read; mode: GlobalsState["mode"] },
): Promise<{ notes: string[]; roles: number }> {
  const { globals, passwords } = recorded;
  if (globals === undefined) return { notes: ["the restore point has no globals: roles are as they were"], roles: 0 };
  if (globals.content.bytes > limitBytes) {
    throw new BackupError("CORRUPT", `globals of ${globals.content.bytes} bytes are no script of pg_dumpall`);
  }
  const script = (await buffer(Readable.from(read(globals.content)))).toString("utf8");
  const state = await readState(journal);
  const plan = planGlobals(script, { ...state, mode, passwords });
  await noteBefore(journal, state);
  for (const statement of plan.tablespaces) await journal.run(`${statement};`);
  await apply(journal, plan.statements);
  return { notes: plan.notes, roles: await requireRoles(journal, recorded.server.roleNames ?? []) };
}

async function requireRoles(journal: Journal, names: readonly string[]): Promise<number> {
  const { roles } = await readState(journal);
  const missing = names.filter((name) => !roles.has(name));
  if (missing.length === 0) return names.length;
  throw new BackupError("CORRUPT", `roles are not restored as they were captured: ${missing.join(", ")} missing`, {
    hint: "The databases that were there are untouched; verify the restore point, or take another one.",
  });
}

async function noteBefore(journal: Journal, { roles, tablespaces }: Server): Promise<void> {
  const { access, database } = journal;
  if ((await journal.fact("before")) !== undefined) return;
  const args = ["--globals-only", "--no-password", `--database=${database}`];
  const exec = await access.program("pg_dumpall", args, database);
  const text = await buffer(completeOutput(exec, { what: "pg_dumpall", archive: false, warn: () => undefined }));
  await journal.run(noteRights);
  const names = { roles: [...roles.keys()], tablespaces: [...tablespaces] };
  await journal.note("before", { ...names, globals: text.toString("utf8") });
}

async function apply(journal: Journal, statements: readonly string[]): Promise<void> {
  if (statements.length > 0) await journal.run(`BEGIN;\n${statements.map((text) => `${text};`).join("\n")}\nCOMMIT;`);
}

/**
 * Gives roles and memberships back what they were before the restore, and drops roles and tablespaces that it made. One
 * that is in use by now is kept, and named in the notes.
 */
export async function undoGlobals(journal: Journal): Promise<string[]> {
  const found = await journal.fact("before");
  if (found === undefined) return [];
  const before = Before.parse(found);
  const state = await readState(journal);
  const plan = planGlobals(before.globals, { ...state, mode: "all", passwords: true });
  await apply(journal, plan.statements);
  await journal.run(revokeRights);
  const tablespaces = [...state.tablespaces].filter((name) => !before.tablespaces.includes(name));
  const roles = [...state.roles.keys()].filter((name) => !before.roles.includes(name));
  // Its objects went with the databases that the restore made; what a role has left are rights to shared things.
  const drops = [
    ...tablespaces.map((name) => ({ what: `tablespace ${name}`, sql: `DROP TABLESPACE ${quoteIdentifier(name)};` })),
    ...roles.map((name) => ({
      what: `role ${name}`,
      sql: `DROP OWNED BY ${quoteIdentifier(name)};\nDROP ROLE ${quoteIdentifier(name)};`,
    })),
  ];
  const notes: string[] = [];
  for (const { what, sql } of drops) {
    const { errors } = await journal.access.attempt(journal.database, sql);
    const complaint = errors.split("\n").find((line) => line.includes("ERROR"));
    if (complaint !== undefined) notes.push(`${what}, which the restore made, is still there: ${complaint.trim()}`);
  }
  return notes;
}

const parameters = `SELECT to_regclass('pg_catalog.pg_parameter_acl') IS NOT NULL AS parameters \\gset
`; // from PostgreSQL 15 on
const parameterRights = `pg_catalog.pg_parameter_acl p, aclexplode(p.paracl) x`;

/** Memberships and rights to parameters are noted one by one: what a script grants, no other one takes back. */
const noteRights = `${parameters}
CREATE TABLE IF NOT EXISTS public.members AS SELECT roleid, member, grantor FROM pg_catalog.pg_auth_members;
\\if :parameters
CREATE TABLE IF NOT EXISTS public.parameters AS SELECT p.parname, x.grantee, x.privilege_type FROM ${parameterRights};
\\endif
`;

const revokeRights = `${parameters}
SELECT format('REVOKE %I FROM %I', r.rolname, m.rolname)
    || CASE WHEN current_setting('server_version_num')::int >= 160000 THEN format(' GRANTED BY %I', g.rolname) ELSE '' END
  FROM pg_catalog.pg_auth_members a
  JOIN pg_catalog.pg_roles r ON r.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantor
  WHERE NOT EXISTS (SELECT FROM public.members b WHERE (b.roleid, b.member, b.grantor) = (a.roleid, a.member, a.grantor)) \\gexec
\\if :parameters
SELECT format('REVOKE %s ON PARAMETER %I FROM %s', x.privilege_type, p.parname,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END)
  FROM ${parameterRights} WHERE NOT EXISTS (SELECT FROM public.parameters b
    WHERE (b.parname, b.grantee, b.privilege_type) = (p.parname, x.grantee, x.privilege_type)) \\gexec
\\endif
`;
