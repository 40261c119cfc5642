import { assert, property, string } from "fast-check";
import { expect, it } from "vitest";
import { quoteIdentifier, quoteLiteral } from "./access.ts";
import { briefly, namePattern, readName, splitStatements } from "./statements.ts";

const texts = (script: string): string[] => splitStatements(script, "globals").map(({ text }) => text);

it("takes a script apart at the semicolons that end statements", () => {
  const script = `--
-- Roles; and 'more'
--
\\restrict abc'def
SET client_encoding = 'UTF8';

CREATE ROLE "a;b";
COMMENT ON ROLE "a;b" IS E'it''s; \\\\ \\' -- no';
ALTER ROLE a WITH LOGIN PASSWORD 'SCRAM-SHA-256$4096:x;y' VALID UNTIL '2030-01-01 00:00:00+00';
\\connect -reuse-previous=on "dbname='x'"
\\unrestrict abc'def
`;
  expect(texts(script)).toEqual([
    "SET client_encoding = 'UTF8'",
    'CREATE ROLE "a;b"',
    `COMMENT ON ROLE "a;b" IS E'it''s; \\\\ \\' -- no'`,
    "ALTER ROLE a WITH LOGIN PASSWORD 'SCRAM-SHA-256$4096:x;y' VALID UNTIL '2030-01-01 00:00:00+00'",
  ]);
});

it("says nothing of what stands in quotes when it names a statement", () => {
  const [statement] = splitStatements(`ALTER ROLE "s e" PASSWORD 'hash' x y;`, "globals");
  expect(statement?.bare).toBe(`ALTER ROLE "" PASSWORD '' x y`);
  expect(statement && briefly(statement)).toBe(`ALTER ROLE "" PASSWORD`);
});

it.for([
  { name: "an order to psql", script: "CREATE ROLE a \\! id\n;" },
  { name: "an order to psql at the start", script: "\\! id\nCREATE ROLE a;" },
  { name: "a dollar quote", script: "DO $$ BEGIN END $$;" },
  { name: "an open constant", script: "COMMENT ON ROLE a IS 'x;" },
  { name: "an open name", script: 'CREATE ROLE "a;' },
  { name: "a statement without an end", script: "CREATE ROLE a" },
])("refuses $name", ({ script }) => {
  expect(() => splitStatements(script, "globals")).toThrow(expect.objectContaining({ code: "CORRUPT" }));
});

it("leaves any name and any text whole", () => {
  const pattern = new RegExp(`^COMMENT ON ROLE ${namePattern} IS `);
  assert(
    property(string({ minLength: 1, unit: "binary" }), string({ unit: "binary" }), (name, text) => {
      const statement = `COMMENT ON ROLE ${quoteIdentifier(name)} IS ${quoteLiteral(text)}`;
      const found = texts(`SET a = 1;\n${statement};\nRESET a;`);
      expect(found).toEqual(["SET a = 1", statement, "RESET a"]);
      expect(readName(pattern.exec(statement)?.[1] ?? "")).toBe(name);
    }),
  );
});
