import type { Request, Selection } from "./cli.ts";
import type { Journal } from "./journal.ts";

/** What the journal keeps of a request. */
export function selectionOf({
  select,
  renames,
  acceptSchema,
}: Request): Pick<Journal, "select" | "renames" | "accept_schema"> {
  const { only, tables, databases, volumes, paths } = select;
  return {
    select: {
      only: only === undefined ? null : [...only],
      tables: [...tables],
      databases: [...databases],
      volumes: [...volumes],
      paths: [...paths],
    },
    renames: Object.fromEntries(renames),
    accept_schema: acceptSchema,
  };
}

/** The selection that a journal keeps. */
export function selectionIn({ select }: Journal): Selection {
  return { ...select, only: select.only === null ? undefined : new Set(select.only) };
}
