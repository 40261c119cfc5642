import { showSettings, type JobContext, type JobOutcome, type Settings } from "@erlmcp/job";

/** Prints a text that is all that was asked for. */
export function say(context: JobContext, text: string): JobOutcome {
  context.stdout.write(text);
  return { exitCode: 0 };
}

/** `--show-config`: every setting in force and where it came from, secrets masked. */
export function showConfig(context: JobContext, settings: Settings, { json }: { json: boolean }): JobOutcome {
  const shown = showSettings(settings);
  if (json) return say(context, `${JSON.stringify(shown, undefined, 2)}\n`);
  const width = Math.max(...shown.map(({ name }) => name.length));
  return say(
    context,
    shown.map(({ name, value, origin }) => `${name.padEnd(width)}  ${value}  (${origin})\n`).join(""),
  );
}
