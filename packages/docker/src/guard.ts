/**
 * Runs a command beside a reader of standard input, and ends it when that input ends. The engine closes the input
 * of an exec when its client goes away, so a killed job leaves nothing running. Only shell built-ins wait: no
 * process of ours holds the output open, and each is waited for, since not every first process of a container does it.
 */
const script = `exec 3<&0
"$@" </dev/null 3<&- &
command=$!
{ while read -r line; do :; done; kill -s TERM "$command"; } <&3 >/dev/null 2>&1 3<&- &
guard=$!
exec 3<&-
wait "$command"
code=$?
kill "$guard" 2>/dev/null
wait "$guard" 2>/dev/null
exit "$code"`;

export function guarded(cmd: readonly string[]): string[] {
  return ["sh", "-c", script, "sh", ...cmd];
}
