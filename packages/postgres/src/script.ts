/**
 * Runs one of the server's own programs against the server in the same container, as its superuser. The password,
 * where the server wants one, comes from where the container has it, and goes to the program's environment only.
 * Programs of the running server's own version are preferred: an older pg_dump refuses a newer server.
 */
const prelude = `PGUSER=\${ERLMCP_PGUSER:-\${POSTGRES_USER:-postgres}}
export PGUSER
unset PGSERVICE PGHOSTADDR
case \${PGHOST:-} in /*) ;; *) unset PGHOST ;; esac
running=\${PGDATA:-/var/lib/postgresql/data}/postmaster.pid
pid=1
if [ -r "$running" ]; then
  { read -r pid; read -r _; read -r _; read -r port; read -r folder; } <"$running"
  [ -z "$port" ] || export PGPORT="$port"
  export PGHOST="\${folder:-localhost}"
fi
program=$(readlink "/proc/$pid/exe" 2>/dev/null) || program=
[ ! -x "\${program%/*}/pg_dump" ] || PATH=\${program%/*}:$PATH
if [ -z "\${PGPASSWORD:-}" ]; then
  if [ -n "\${POSTGRES_PASSWORD_FILE:-}" ] && [ -r "$POSTGRES_PASSWORD_FILE" ]; then
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export PGPASSWORD
  elif [ -n "\${POSTGRES_PASSWORD:-}" ]; then
    export PGPASSWORD="$POSTGRES_PASSWORD"
  fi
fi
`;

/** A program of the server, with its arguments. */
export function programCommand(program: string, args: readonly string[]): string[] {
  return ["sh", "-c", `${prelude}exec "$@"`, "sh", program, ...args];
}

export const psqlArgs = [
  "--no-psqlrc",
  "--quiet",
  "--no-align",
  "--tuples-only",
  "--no-password",
  "--set=ON_ERROR_STOP=1",
];

/** psql that reads its statements from our end. */
export function sessionCommand(): string[] {
  return programCommand("psql", psqlArgs);
}

/** psql that runs `sql` (a script of its own language) and has no input from us. */
export function queryCommand(sql: string): string[] {
  // A here-document is expanded once: what is in the script stays as it is.
  const script = `${prelude}sql=$1
shift
exec psql "$@" <<END
$sql
END`;
  return ["sh", "-c", script, "sh", sql, ...psqlArgs];
}
