import { BackupError } from "@erlmcp/errors";
import { quoteIdentifier, quoteLiteral } from "./access.ts";
import { briefly, namePattern, readName, splitStatements, type Statement } from "./statements.ts";

/** What the server has, as far as roles and tablespaces go. */
export interface GlobalsState {
  roles: ReadonlyMap<string, { expires: boolean }>;
  tablespaces: ReadonlySet<string>;
  self: string; // the role that we are connected as
  /** `all`: roles that are there become what the script says; `missing`: only those that are not there are made. */
  mode: "all" | "missing";
  passwords: boolean; // the script holds them: a role without one has none
}

export interface GlobalsPlan {
  tablespaces: string[]; // statements that no transaction may hold
  statements: string[]; // to be run as one transaction
  created: string[]; // roles
  notes: string[];
}

type Rule = readonly [RegExp, (plan: Planning, statement: Statement, names: string[]) => void];

interface Planning extends GlobalsPlan {
  state: GlobalsState;
  newTablespaces: Set<string>;
}

const n = namePattern;
const rules: readonly Rule[] = [
  [/^SET (?:default_transaction_read_only|client_encoding|standard_conforming_strings) = /, () => undefined],
  [new RegExp(`^SET SESSION AUTHORIZATION ${n}$`), keep],
  [/^RESET SESSION AUTHORIZATION$/, keep],
  [new RegExp(`^CREATE ROLE ${n}$`), createRole],
  [new RegExp(`^ALTER ROLE ${n} WITH `), alterRole],
  [new RegExp(`^ALTER ROLE ${n} SET `), setForRole],
  [new RegExp(`^COMMENT ON ROLE ${n} IS `), ofRole],
  [
    new RegExp(`^SECURITY LABEL FOR ${n} ON ROLE ${n} IS `),
    (plan, statement, [, role]) => ofRole(plan, statement, [role ?? ""]),
  ],
  [new RegExp(`^(?:GRANT|REVOKE) .* ON PARAMETER \\S+ (?:TO|FROM) ${n}( WITH GRANT OPTION)?$`), ofRole],
  [new RegExp(`^GRANT ${n} TO ${n}(?: WITH [A-Z, ]+)?(?: GRANTED BY ${n})?$`), grantRole],
  [new RegExp(`^CREATE TABLESPACE ${n} OWNER ${n} LOCATION `), createTablespace],
  [new RegExp(`^(?:ALTER|COMMENT ON) TABLESPACE ${n} `), ofTablespace],
  [new RegExp(`^SECURITY LABEL FOR \\S+ ON TABLESPACE ${n} `), ofTablespace],
  [new RegExp(`^(?:GRANT|REVOKE) .* ON TABLESPACE ${n} (?:TO|FROM) `), ofTablespace],
];

/**
 * What is to be run so that the server gets the roles, memberships and tablespaces of a script of
 * `pg_dumpall --globals-only`. Nothing that the server has beyond it is removed. The role that we are connected as keeps
 * its password and attributes: the container's configuration has to go on working.
 *
 * @throws BackupError CORRUPT when the script has a statement of another kind
 */
export function planGlobals(script: string, state: GlobalsState): GlobalsPlan {
  const plan: Planning = { tablespaces: [], statements: [], created: [], notes: [], state, newTablespaces: new Set() };
  for (const statement of splitStatements(script, "globals")) {
    const found = rules.find(([pattern]) => pattern.test(statement.text));
    if (found === undefined) {
      throw new BackupError("CORRUPT", `globals: it holds a statement of an unknown kind: ${briefly(statement)}`);
    }
    const names = found[0].exec(statement.text)?.slice(1) ?? [];
    found[1](
      plan,
      statement,
      names.map((name) => (name === undefined ? "" : readName(name))),
    );
  }
  const { tablespaces, statements, created, notes } = plan;
  return { tablespaces, statements, created, notes };
}

function keep(plan: Planning, { text }: Statement): void {
  plan.statements.push(text);
}

function createRole(plan: Planning, { text }: Statement, [role = ""]: string[]): void {
  if (plan.state.roles.has(role)) return;
  plan.created.push(role);
  plan.statements.push(text);
}

/** True for a role that is to be as the script says. */
function concerns({ state, created }: Planning, role: string): boolean {
  return state.mode === "all" || created.includes(role);
}

function alterRole(plan: Planning, statement: Statement, [role = ""]: string[]): void {
  if (!concerns(plan, role)) return;
  const known = plan.state.roles.get(role);
  if (known === undefined) {
    plan.statements.push(statement.text);
    return;
  }
  if (role === plan.state.self) {
    plan.notes.push(`role ${role} keeps its password and attributes: the restore is connected as it`);
  } else {
    plan.statements.push(statement.text + unsaid(statement, known.expires, plan.state.passwords));
  }
  const name = quoteIdentifier(role);
  plan.statements.push(`ALTER ROLE ${name} RESET ALL`, `COMMENT ON ROLE ${name} IS NULL`); // the script's own follow
}

/** What the script leaves out because a new role has it so. */
function unsaid({ bare }: Statement, expires: boolean, passwords: boolean): string {
  const password = !passwords || bare.includes(" PASSWORD ") ? "" : " PASSWORD NULL";
  const limit = bare.includes(" CONNECTION LIMIT ") ? "" : " CONNECTION LIMIT -1";
  const until = !expires || bare.includes(" VALID UNTIL ") ? "" : " VALID UNTIL 'infinity'";
  return `${password}${limit}${until}`;
}

/** A setting of our own role that makes it another one would leave us without its rights. */
function setForRole(plan: Planning, statement: Statement, [role = ""]: string[]): void {
  if (role === plan.state.self && / SET "?role"? TO /.test(statement.text)) {
    plan.notes.push(`role ${role}: its setting of "role" is left out: the restore is connected as it`);
    return;
  }
  ofRole(plan, statement, [role]);
}

function ofRole(plan: Planning, { text }: Statement, [role = ""]: string[]): void {
  if (concerns(plan, role)) plan.statements.push(text);
}

/** A grantor needs rights that the one of the same name may lack where another role made the server. */
function grantRole(plan: Planning, { text }: Statement, [, member = "", grantor]: string[]): void {
  if (!concerns(plan, member)) return;
  if (grantor === undefined || grantor === "") {
    plan.statements.push(text);
    return;
  }
  const ours = text.replace(new RegExp(` GRANTED BY ${n}$`), "");
  const attempt = `BEGIN EXECUTE ${quoteLiteral(text)};
EXCEPTION WHEN insufficient_privilege OR undefined_object OR invalid_grant_operation THEN EXECUTE ${quoteLiteral(ours)}; END`;
  plan.statements.push(`DO ${quoteLiteral(attempt)}`);
}

function createTablespace(plan: Planning, { text }: Statement, [name = ""]: string[]): void {
  if (plan.state.tablespaces.has(name)) return;
  plan.newTablespaces.add(name);
  plan.tablespaces.push(text);
}

function ofTablespace(plan: Planning, { text }: Statement, [name = ""]: string[]): void {
  if (plan.state.mode === "all" || plan.newTablespaces.has(name)) plan.statements.push(text);
}
