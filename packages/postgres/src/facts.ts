import { z } from "zod";
import type { Access } from "./access.ts";

/** What the server says of itself. Sizes are bytes. */
export const ServerFacts = z.object({
  version: z.string(), // "17.11 (Debian 17.11-1)"
  versionNum: z.int(), // 170011
  inRecovery: z.boolean(), // a standby
  systemIdentifier: z.string().nullable(), // a server and its standbys share it
  user: z.string(),
  superuser: z.boolean(),
  timezone: z.string(),
  startedAt: z.string(),
  dataChecksums: z.boolean(),
  preload: z.string(), // shared_preload_libraries: extensions may need them
  roles: z.int(),
  roleNames: z.array(z.string()).optional(), // without those that every server has; captures of older versions lack them
  tablespaces: z.array(z.object({ name: z.string(), location: z.string() })),
});
export type ServerFacts = z.infer<typeof ServerFacts>;

const serverSql = `SELECT json_build_object(
  'version', current_setting('server_version'),
  'versionNum', current_setting('server_version_num')::int,
  'inRecovery', pg_is_in_recovery(),
  'systemIdentifier', CASE WHEN has_function_privilege('pg_control_system()', 'execute')
    THEN (SELECT system_identifier::text FROM pg_control_system()) END,
  'user', current_user,
  'superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
  'timezone', current_setting('TimeZone'),
  'startedAt', pg_postmaster_start_time(),
  'dataChecksums', current_setting('data_checksums')::bool,
  'preload', CASE WHEN pg_has_role('pg_read_all_settings', 'member')
    THEN current_setting('shared_preload_libraries') ELSE '' END,
  'roles', (SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_'),
  'roleNames', (SELECT json_agg(rolname ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'),
  'tablespaces', (SELECT coalesce(json_agg(json_build_object('name', spcname, 'location', pg_tablespace_location(oid))
    ORDER BY spcname), '[]') FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')));`;

/** A database as the server lists it. Fields that only some versions have are undefined elsewhere. */
const Listed = z.object({
  name: z.string(),
  owner: z.string(),
  encoding: z.string(),
  tablespace: z.string(),
  row: z.object({
    datallowconn: z.boolean(),
    datistemplate: z.boolean(),
    datconnlimit: z.int(),
    datcollate: z.string(),
    datctype: z.string(),
    datlocprovider: z.string().optional(), // from 15: c, i (ICU) or, from 17, b (built in)
    datlocale: z.string().nullish(), // from 17
    daticulocale: z.string().nullish(), // 15 and 16
    datcollversion: z.string().nullish(),
  }),
});
export type ListedDatabase = z.infer<typeof Listed>;

const listSql = `SELECT coalesce(json_agg(json_build_object('name', d.datname, 'owner', pg_get_userbyid(d.datdba),
  'encoding', pg_encoding_to_char(d.encoding), 'tablespace', t.spcname, 'row', to_jsonb(d))), '[]')
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace;`;

export const DatabaseContents = z.object({
  bytes: z.int(), // on disk, of all that is in it; no part of the snapshot
  extensions: z.array(z.object({ name: z.string(), version: z.string(), schema: z.string() })),
  largeObjects: z.int(),
  sequences: z.array(z.object({ schema: z.string(), name: z.string() })).optional(), // captures of older versions lack them
});
export type DatabaseContents = z.infer<typeof DatabaseContents>;

/** An expression of SQL that gives the contents of the database that it runs in. */
export const contentsSql = `json_build_object(
  'bytes', pg_database_size(current_database()),
  'extensions', (SELECT coalesce(json_agg(json_build_object('name', extname, 'version', extversion, 'schema', nspname)
    ORDER BY extname), '[]') FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace),
  'largeObjects', (SELECT count(*) FROM pg_largeobject_metadata),
  'sequences', (SELECT coalesce(json_agg(json_build_object('schema', nspname, 'name', relname) ORDER BY nspname, relname), '[]')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')))`;

export async function readServer(access: Access, database: string): Promise<ServerFacts> {
  return ServerFacts.parse(JSON.parse(await access.query(database, serverSql)));
}

export async function listDatabases(access: Access, database: string): Promise<ListedDatabase[]> {
  return z.array(Listed).parse(JSON.parse(await access.query(database, listSql)));
}

/** @param snapshot as PostgreSQL gave it: hexadecimal digits and hyphens */
export function inSnapshot(snapshot: string, sql: string): string {
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET TRANSACTION SNAPSHOT '${snapshot}';\n${sql}\nCOMMIT;`;
}

/** The facts of one database that tell a restore how to make it anew. */
export function databaseFacts({ name, owner, encoding, tablespace, row }: ListedDatabase) {
  return {
    name,
    owner,
    encoding,
    tablespace,
    collate: row.datcollate,
    ctype: row.datctype,
    provider: row.datlocprovider ?? null,
    locale: row.datlocale ?? row.daticulocale ?? null,
    collationVersion: row.datcollversion ?? null,
    template: row.datistemplate,
    connectionLimit: row.datconnlimit,
  };
}
