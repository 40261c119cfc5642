import { readFile } from "node:fs/promises";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";

const text = z.string().min(1);
const common = { name: text, expect: z.string() };

/** A check in SQL: its output, as psql prints it without alignment, is what is expected. */
const SqlCheck = z.strictObject({ ...common, sql: text, database: text, server: text.optional() });
/** A check in Erlang: its value is what is expected. */
const ErlangCheck = z.strictObject({ ...common, erlang: text, node: text.optional() });
export type SqlCheck = z.infer<typeof SqlCheck>;
export type ErlangCheck = z.infer<typeof ErlangCheck>;
export type DrillCheck = SqlCheck | ErlangCheck;

/**
 * An operator's own checks: inline, or in a file.
 *
 * @throws BackupError CONFIG_INVALID with everything that is wrong with them
 */
export async function readChecks(values: {
  readonly DRILL_CHECKS?: string | undefined;
  readonly DRILL_CHECKS_FILE?: string | undefined;
}): Promise<DrillCheck[]> {
  const { DRILL_CHECKS: inline, DRILL_CHECKS_FILE: file } = values;
  if (inline !== undefined && file !== undefined) {
    throw invalid("DRILL_CHECKS", ["DRILL_CHECKS and DRILL_CHECKS_FILE are both set"]);
  }
  if (inline !== undefined) return parseChecks(inline, "DRILL_CHECKS");
  if (file === undefined) return [];
  let found: string;
  try {
    found = await readFile(file, "utf8");
  } catch (cause) {
    throw new BackupError("CONFIG_INVALID", `the checks ${file} (DRILL_CHECKS_FILE) cannot be read`, {
      hint: "Check that the file is mounted into the container.",
      cause,
    });
  }
  return parseChecks(found, file);
}

/** Pure. @param origin where they stand, for messages */
export function parseChecks(written: string, origin: string): DrillCheck[] {
  let list: unknown;
  try {
    list = JSON.parse(written);
  } catch (error) {
    throw invalid(origin, [error instanceof Error ? error.message : "it is no JSON"]);
  }
  if (!Array.isArray(list)) throw invalid(origin, ["it is no list of checks"]);
  const checks: DrillCheck[] = [];
  const problems: string[] = [];
  const names = new Set<string>();
  for (const [at, each] of list.entries()) {
    const { check, wrong } = readOne(each);
    const what = `check ${at + 1}${check === undefined ? "" : ` (${check.name})`}`;
    problems.push(...wrong.map((problem) => `${what}: ${problem}`));
    if (check === undefined) continue;
    if (names.has(check.name)) problems.push(`${what}: another check has this name`);
    names.add(check.name);
    checks.push(check);
  }
  if (problems.length > 0) throw invalid(origin, problems);
  return checks;
}

function readOne(each: unknown): { check?: DrillCheck; wrong: string[] } {
  if (typeof each !== "object" || each === null || Array.isArray(each)) return { wrong: ["it is no object"] };
  const kinds = ["sql", "erlang"].filter((kind) => kind in each);
  if (kinds.length !== 1)
    return {
      wrong: [`it has ${kinds.length === 0 ? "neither" : "both"} sql ${kinds.length === 0 ? "nor" : "and"} erlang`],
    };
  const parsed = kinds[0] === "sql" ? SqlCheck.safeParse(each) : ErlangCheck.safeParse(each);
  if (parsed.success) return { check: parsed.data, wrong: [] };
  return {
    wrong: parsed.error.issues.map(({ path, message }) => [path.join("."), message].filter(Boolean).join(": ")),
  };
}

function invalid(origin: string, problems: readonly string[]): BackupError {
  return new BackupError("CONFIG_INVALID", `${origin}: ${problems.join("; ")}`, {
    hint: 'Give a list such as [{"name":"people","database":"app","sql":"SELECT count(*) FROM person","expect":"3"}].',
  });
}
