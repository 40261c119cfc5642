import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { settingsSchema } from "./setting-definitions.ts";

type Values = Readonly<z.infer<typeof settingsSchema>>;
export type SettingName = keyof Values;

/** Every setting that is in force, and where its value came from. */
export interface Settings {
  readonly values: Values;
  readonly origins: ReadonlyMap<SettingName, "environment" | "default">;
}

const names = settingsSchema.keyof().options;
const known = new Set<string>(names);
const ourPrefixes = /^(ENCRYPT|BACKUP|RETENTION|COMPRESSION|REPLICATION|SCHEDULE|UPLOAD|ARCHIVE|DRILL)_/;
const Meta = z.object({ shown: z.string(), doc: z.string(), secret: z.boolean().default(false) });

/**
 * Reads all settings from the environment; an empty variable counts as not set, as Compose passes it.
 *
 * @throws BackupError CONFIG_INVALID that lists every bad value, and every name with one of our prefixes that is no
 *   setting: a mistyped ENCRYPT_KEY_FILE must not become a plain backup
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const given: Record<string, string> = {};
  const problems: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === "") continue;
    if (known.has(name)) given[name] = value;
    else if (ourPrefixes.test(name)) problems.push(`${name} is not a setting${closest(name)}`);
  }
  const parsed = settingsSchema.safeParse(given);
  for (const issue of parsed.error?.issues ?? []) problems.push(`${issue.path.join(".")}: ${issue.message}`);
  if (!parsed.success || problems.length > 0) {
    throw new BackupError("CONFIG_INVALID", `the configuration is not valid: ${problems.join("; ")}`, {
      hint: "Correct these environment variables; --show-config prints what is in force.",
    });
  }
  return {
    values: parsed.data,
    origins: new Map(names.map((name) => [name, name in given ? "environment" : "default"])),
  };
}

function closest(name: string): string {
  const candidate = names.find((setting) => setting.startsWith(name) || name.startsWith(setting));
  return candidate === undefined ? "" : ` (${candidate}?)`;
}

/** What --show-config prints: name, value, origin; secrets masked. */
export function showSettings(settings: Settings): { name: string; value: string; origin: string }[] {
  return names.map((name) => {
    const value = settings.values[name];
    const text = value === undefined ? "(none)" : typeof value === "string" ? value : JSON.stringify(value);
    const masked = value !== undefined && Meta.parse(settingsSchema.shape[name].meta()).secret;
    return { name, value: masked ? "***" : text, origin: settings.origins.get(name) ?? "default" };
  });
}

/** The table of settings for the documentation, in Markdown. */
export function settingsTable(): string {
  const rows = names.map((name) => {
    const { shown, doc } = Meta.parse(settingsSchema.shape[name].meta());
    return `| \`${name}\` | ${shown === "" ? "none" : `\`${shown}\``} | ${doc} |`;
  });
  return ["| variable | default | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}
