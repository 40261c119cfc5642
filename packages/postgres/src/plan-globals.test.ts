import { expect, it } from "vitest";
import { planGlobals, type GlobalsState } from "./plan-globals.ts";

const script = `SET default_transaction_read_only = off;
CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$1';
COMMENT ON ROLE app IS 'mine';
CREATE ROLE "Team X";
ALTER ROLE "Team X" WITH NOSUPERUSER NOLOGIN;
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER LOGIN PASSWORD 'other';
ALTER ROLE app SET work_mem TO '8MB';
ALTER ROLE postgres SET role TO 'app';
ALTER ROLE postgres SET work_mem TO '9MB';
GRANT "Team X" TO app WITH ADMIN OPTION, INHERIT TRUE GRANTED BY postgres;
GRANT SET ON PARAMETER log_min_messages TO "Team X";
CREATE TABLESPACE fast OWNER app LOCATION '/mnt/fast';
GRANT CREATE ON TABLESPACE fast TO app;
`;

const none = { expires: false };
const state: GlobalsState = {
  roles: new Map([["postgres", none]]),
  tablespaces: new Set(["pg_default"]),
  self: "postgres",
  mode: "all",
  passwords: true,
};
const grant = `DO 'BEGIN EXECUTE ''GRANT "Team X" TO app WITH ADMIN OPTION, INHERIT TRUE GRANTED BY postgres'';
EXCEPTION WHEN insufficient_privilege OR undefined_object OR invalid_grant_operation THEN EXECUTE ''GRANT "Team X" TO app WITH ADMIN OPTION, INHERIT TRUE''; END'`;
const self = ['ALTER ROLE "postgres" RESET ALL', 'COMMENT ON ROLE "postgres" IS NULL'];

it("makes what is missing, and never touches what our own connection needs", () => {
  const plan = planGlobals(script, state);
  expect(plan.statements).toEqual([
    "CREATE ROLE app",
    "ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$1'",
    "COMMENT ON ROLE app IS 'mine'",
    'CREATE ROLE "Team X"',
    'ALTER ROLE "Team X" WITH NOSUPERUSER NOLOGIN',
    ...self,
    "ALTER ROLE app SET work_mem TO '8MB'",
    "ALTER ROLE postgres SET work_mem TO '9MB'",
    grant,
    'GRANT SET ON PARAMETER log_min_messages TO "Team X"',
    "GRANT CREATE ON TABLESPACE fast TO app",
  ]);
  expect(plan.tablespaces).toEqual(["CREATE TABLESPACE fast OWNER app LOCATION '/mnt/fast'"]);
  expect(plan.created).toEqual(["app", "Team X"]);
  expect(plan.notes).toEqual([
    "role postgres keeps its password and attributes: the restore is connected as it",
    'role postgres: its setting of "role" is left out: the restore is connected as it',
  ]);
});

it("makes roles that exist what they were, with what the script leaves unsaid", () => {
  const roles = new Map([
    ["postgres", none],
    ["app", { expires: true }],
    ["Team X", none],
  ]);
  const { statements, created } = planGlobals(script, { ...state, roles, tablespaces: new Set(["fast"]) });
  expect(created).toEqual([]);
  expect(statements.slice(0, 7)).toEqual([
    "ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$1' CONNECTION LIMIT -1 VALID UNTIL 'infinity'",
    'ALTER ROLE "app" RESET ALL',
    'COMMENT ON ROLE "app" IS NULL',
    "COMMENT ON ROLE app IS 'mine'",
    'ALTER ROLE "Team X" WITH NOSUPERUSER NOLOGIN PASSWORD NULL CONNECTION LIMIT -1',
    'ALTER ROLE "Team X" RESET ALL',
    'COMMENT ON ROLE "Team X" IS NULL',
  ]);
});

it("leaves passwords alone that the script could not have", () => {
  const roles = new Map([["Team X", none]]);
  const { statements } = planGlobals(script, { ...state, roles, passwords: false });
  expect(statements).toContain('ALTER ROLE "Team X" WITH NOSUPERUSER NOLOGIN CONNECTION LIMIT -1');
});

it("leaves roles that exist alone when only the missing ones are wanted", () => {
  const roles = new Map([
    ["postgres", none],
    ["Team X", none],
  ]);
  const plan = planGlobals(script, { ...state, roles, mode: "missing" });
  expect(plan.statements).toEqual([
    "CREATE ROLE app",
    "ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$1'",
    "COMMENT ON ROLE app IS 'mine'",
    "ALTER ROLE app SET work_mem TO '8MB'",
    grant,
    "GRANT CREATE ON TABLESPACE fast TO app",
  ]);
});

it("refuses a statement that pg_dumpall does not write, and quotes none of it", () => {
  expect(() => planGlobals('CREATE ROLE a;\nDROP ROLE "se\'cret";', state)).toThrow(
    expect.objectContaining({
      code: "CORRUPT",
      message: 'globals: it holds a statement of an unknown kind: DROP ROLE ""',
    }),
  );
});
