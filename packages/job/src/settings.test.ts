import { BackupError } from "@erlmcp/errors";
import { describe, expect, it } from "vitest";
import { readSettings, settingsTable, showSettings } from "./settings.ts";

function failure(env: Record<string, string>): string {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof BackupError && error.code === "CONFIG_INVALID") return error.message;
    throw error;
  }
  return "accepted";
}

describe("readSettings", () => {
  it("has the contract's defaults", () => {
    const { values } = readSettings({});
    expect(values.BACKUP_ROOT).toBe("/var/lib/erlmcp/backups");
    expect(values.ENCRYPT_KEY_FILE).toBeUndefined();
    expect(values.COMPRESSION_LEVEL).toBe(1);
    expect(values.UPLOAD_ENABLED).toBe(true);
    expect(values.RETENTION_COMPLIANCE).toBe(2555);
    expect(values.REPLICATION_TARGETS.map(({ name, region }) => `${name} ${region}`)).toEqual([
      "secondary us-west-2",
      "dr eu-west-1",
      "apac ap-southeast-1",
    ]);
  });

  it("takes an empty variable for one that is not set", () => {
    expect(readSettings({ S3_BUCKET: "", COMPRESSION_LEVEL: "" }).values.COMPRESSION_LEVEL).toBe(1);
  });

  it("names every problem in one message", () => {
    const message = failure({ COMPRESSION_LEVEL: "twenty", ENCRYPT_CIPHER: "rot13", BACKUP_ROOT: "here" });
    expect(message).toContain("COMPRESSION_LEVEL: must be a whole number from 0 to 19");
    expect(message).toContain('ENCRYPT_CIPHER: must be "aes-256-gcm" or "aes-256-cbc"');
    expect(message).toContain("BACKUP_ROOT: must be an absolute path");
  });

  it("refuses a mistyped name with one of our prefixes, so that no key file is ignored", () => {
    expect(failure({ ENCRYPT_KEYFILE: "/k" })).toContain("ENCRYPT_KEYFILE is not a setting");
    expect(failure({ ENCRYPT_KEY: "/k" })).toContain("ENCRYPT_KEY is not a setting (ENCRYPT_KEY_FILE?)");
  });

  it.for([
    ["dr=eu-west-1:bucket:GLACIER@http://127.0.0.1:9000", "http://127.0.0.1:9000"],
    ['[{"name":"dr","region":"eu-west-1","bucket":"bucket","class":"GLACIER"}]', undefined],
  ])("reads replication targets from %s", ([text, endpoint]) => {
    const [target] = readSettings({ REPLICATION_TARGETS: text }).values.REPLICATION_TARGETS;
    expect(target).toEqual({
      name: "dr",
      region: "eu-west-1",
      bucket: "bucket",
      class: "GLACIER",
      ...(endpoint === undefined ? {} : { endpoint }),
    });
  });

  it.for(["dr", "dr=eu-west-1", "[", '[{"name":"x"}]'])("refuses the replication target %s", (text) => {
    expect(failure({ REPLICATION_TARGETS: text })).toContain("REPLICATION_TARGETS: is neither JSON nor");
  });
});

it("masks secrets and says where each value came from", () => {
  const shown = showSettings(readSettings({ NOTIFY_URL: "https://hooks.example/T0/secret", S3_REGION: "eu-west-1" }));
  expect(shown.find(({ name }) => name === "NOTIFY_URL")?.value).toBe("***");
  expect(shown.find(({ name }) => name === "S3_REGION")).toEqual({
    name: "S3_REGION",
    value: "eu-west-1",
    origin: "environment",
  });
  expect(shown.find(({ name }) => name === "S3_BUCKET")).toEqual({
    name: "S3_BUCKET",
    value: "(none)",
    origin: "default",
  });
});

it("documents each setting on a line of its own", () => {
  expect(settingsTable()).toContain("| `ENCRYPT_CIPHER` | `aes-256-gcm` |");
});
