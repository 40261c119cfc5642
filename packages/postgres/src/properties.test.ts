import { expect, it } from "vitest";
import { sortProperties } from "./properties.ts";

const script = `\\restrict key
SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE DATABASE "a ""b" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = icu ICU_LOCALE = 'de' ICU_RULES = '&a < g';
ALTER DATABASE "a ""b" OWNER TO app;
\\connect "a"
COMMENT ON DATABASE "a ""b" IS 'x;
y';
ALTER DATABASE "a ""b" SET search_path TO 's', 't';
ALTER ROLE app IN DATABASE "a ""b" SET work_mem TO '1MB';
REVOKE CONNECT,TEMPORARY ON DATABASE "a ""b" FROM PUBLIC;
SET SESSION AUTHORIZATION app;
GRANT CONNECT ON DATABASE "a ""b" TO team WITH GRANT OPTION;
RESET SESSION AUTHORIZATION;
`;

it("takes the making of a database, under another name, apart from what it gets with its own", () => {
  const { create, statements } = sortProperties(script, 'a "b');
  expect(create('n"ew')).toBe(
    `CREATE DATABASE "n""ew" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = icu ICU_LOCALE = 'de' ICU_RULES = '&a < g'`,
  );
  expect(statements).toEqual([
    'ALTER DATABASE "a ""b" OWNER TO app',
    `COMMENT ON DATABASE "a ""b" IS 'x;\ny'`,
    `ALTER DATABASE "a ""b" SET search_path TO 's', 't'`,
    `ALTER ROLE app IN DATABASE "a ""b" SET work_mem TO '1MB'`,
    'REVOKE CONNECT,TEMPORARY ON DATABASE "a ""b" FROM PUBLIC',
    "SET SESSION AUTHORIZATION app",
    'GRANT CONNECT ON DATABASE "a ""b" TO team WITH GRANT OPTION',
    "RESET SESSION AUTHORIZATION",
  ]);
});

it.for([
  {
    name: "of another database",
    script: "CREATE DATABASE other WITH TEMPLATE = template0;",
    says: "unknown kind: CREATE DATABASE other WITH",
  },
  { name: "that makes none", script: "COMMENT ON DATABASE app IS 'x';", says: "it describes another database" },
  { name: "that does something else", script: "DROP DATABASE app;", says: "unknown kind: DROP DATABASE app" },
])("refuses a script $name", ({ script: wrong, says }) => {
  expect(() => sortProperties(wrong, "app")).toThrow(
    expect.objectContaining({ code: "CORRUPT", message: expect.stringContaining(`the dump of database app: it`) }),
  );
  expect(() => sortProperties(wrong, "app")).toThrow(says);
});
