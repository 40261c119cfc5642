import { describe, expect, it } from "vitest";
import { parseKeyFile } from "./key-file.ts";

const raw = Buffer.from("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "hex");
const base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

describe("parseKeyFile", () => {
  it.for([
    { name: "32 raw bytes", contents: raw },
    { name: "32 raw bytes and a newline", contents: Buffer.concat([raw, Buffer.from("\n")]) },
    { name: "64 hex digits", contents: Buffer.from(raw.toString("hex")) },
    { name: "64 upper-case hex digits and a newline", contents: Buffer.from(`${raw.toString("hex").toUpperCase()}\n`) },
    { name: "44 base64 characters", contents: Buffer.from(base64) },
    { name: "43 base64 characters and CR LF", contents: Buffer.from(`${base64.slice(0, 43)}\r\n`) },
  ])("reads $name as a key", ({ contents }) => {
    expect(parseKeyFile(contents, "k")).toEqual({ kind: "key", secret: raw });
  });

  it("keeps a raw key whose last byte looks like a newline", () => {
    const key = Buffer.concat([raw.subarray(0, 31), Buffer.from("\n")]);
    expect(parseKeyFile(key, "k")).toEqual({ kind: "key", secret: key });
  });

  it("reads base64url", () => {
    const key = Buffer.alloc(32, 0xfb);
    expect(parseKeyFile(Buffer.from(key.toString("base64url")), "k")).toEqual({ kind: "key", secret: key });
  });

  it.for(["correct horse battery staple", "x", "thirty-two printable characters!", "a".repeat(63)])(
    "takes %s for a passphrase",
    (text) => {
      const secret = Buffer.from(text);

      expect(parseKeyFile(Buffer.from(text), "k")).toEqual({ kind: "passphrase", secret });
    },
  );

  it.for(["", "\n", "\r\n"])("refuses an empty file %j", (text) => {
    expect(() => parseKeyFile(Buffer.from(text), "/run/secrets/key")).toThrow(
      expect.objectContaining({ code: "KEY_MISSING", message: "key file /run/secrets/key is empty" }),
    );
  });
});
