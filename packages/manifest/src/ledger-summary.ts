import { type Component, type Grade, type LedgerLine, type Verdict, weakestGrade } from "@erlmcp/entry";

/** What the ledger says of one component. */
export interface ComponentSummary {
  sources: number;
  captured: number; // things: tables, databases, volumes
  rows: number;
  bytes: number;
  grade: Grade | null; // the weakest
}

export interface LedgerSummary {
  components: Partial<Record<Component, ComponentSummary>>;
  ledger: Record<Verdict, number> & { not_read: LedgerLine[]; not_read_omitted: number };
  grades: Record<Grade, number>;
  grade: Grade | null; // the weakest of all
  complete: boolean; // nothing unreadable, nothing failed
}

/** A receipt stays small however much could not be read: the ledger in the restore point has every line. */
export const notReadLimit = 1000;

/** Sums the coverage ledger up line by line, in bounded memory. */
export function createLedgerSummary(): { add(line: LedgerLine): void; result(): LedgerSummary } {
  const components: LedgerSummary["components"] = {};
  const sources = new Map<Component, Set<string>>();
  const verdicts = { captured: 0, excluded: 0, ephemeral: 0, unreadable: 0, failed: 0 };
  const grades = { transactional: 0, "point-in-time": 0, "fuzzy-verified": 0, fuzzy: 0 };
  const notRead: LedgerLine[] = [];

  function add(line: LedgerLine): void {
    verdicts[line.verdict] += 1;
    const component = (components[line.component] ??= { sources: 0, captured: 0, rows: 0, bytes: 0, grade: null });
    const names = sources.get(line.component) ?? new Set();
    sources.set(line.component, names.add(line.source));
    component.sources = names.size;
    if (line.verdict === "captured") {
      component.captured += 1;
      component.rows += line.rows ?? 0;
      component.bytes += line.bytes ?? 0;
      if (line.grade !== undefined) {
        grades[line.grade] += 1;
        component.grade = weakestGrade([line.grade, component.grade ?? line.grade]) ?? null;
      }
    }
    const lost = line.verdict === "unreadable" || line.verdict === "failed";
    if (lost && notRead.length < notReadLimit) notRead.push(line);
  }

  return {
    add,
    result() {
      const lost = verdicts.unreadable + verdicts.failed;
      const all = Object.values(components).flatMap(({ grade }) => (grade === null ? [] : [grade]));
      return {
        components,
        ledger: { ...verdicts, not_read: notRead, not_read_omitted: lost - notRead.length },
        grades,
        grade: weakestGrade(all) ?? null,
        complete: lost === 0,
      };
    },
  };
}
