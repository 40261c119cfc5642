import type { LedgerLine } from "@erlmcp/entry";
import { z } from "zod";
import { openAccess, quoteLiteral, type Server } from "./access.ts";
import { listDatabases } from "./facts.ts";
import { planDatabases } from "./plan.ts";

export interface SurveyPostgres extends Omit<Server, "user"> {
  source: string;
  settings: { user: string | undefined; databases: readonly string[] | undefined };
}

const Sizes = z.record(z.string(), z.int().nonnegative());

/**
 * What a capture would do with each database, and how large it is on disk now. `captured` means: would be.
 *
 * @throws BackupError SOURCE_FAILED when the server can't be reached
 */
export async function surveyPostgres({ source, settings, ...server }: SurveyPostgres): Promise<LedgerLine[]> {
  const access = await openAccess({ ...server, user: settings.user });
  const { dumped, leftOut } = planDatabases(await listDatabases(access, access.database), settings.databases);
  const names = dumped.map(({ database }) => quoteLiteral(database.name)).join(",");
  const sql = `SELECT coalesce(json_object_agg(datname, pg_database_size(oid)), '{}') FROM pg_database WHERE datname IN (${names || "NULL"});`;
  const sizes = Sizes.parse(JSON.parse(await access.query(access.database, sql)));
  return [
    ...leftOut.map((line) => ({ component: "postgres" as const, source, ...line })),
    ...dumped.map(({ database: { name } }) => ({
      component: "postgres" as const,
      source,
      name,
      verdict: "captured" as const,
      bytes: sizes[name] ?? 0,
    })),
  ];
}
