import type { ManifestHead } from "@erlmcp/manifest";
import { expect, it } from "vitest";
import { catalogLineOf, chooseBase, type BaseRequirements, type CatalogLine } from "./index.ts";
import { headOf } from "./sample-points.ts";

const old = "erlmcp_full_20260201_120000";
const full = "erlmcp_full_20260202_120000";
const compliance = "erlmcp_compliance_20260203_120000";
const incremental = "erlmcp_incremental_20260204_120000";
const { chunking } = headOf(full);

const slot = (key_id: string): ManifestHead["key_slots"] => [
  { derivation: { kdf: "hkdf-sha256" }, key_id, wrapped: Buffer.alloc(92).toString("base64") },
];
const point = (id: string, changes: Partial<ManifestHead> = {}): CatalogLine =>
  catalogLineOf(headOf(id, changes), undefined);
const plain: BaseRequirements = {
  cipher: "none",
  keyIds: undefined,
  chunking,
  unreadable: () => Promise.resolve(undefined),
};
const sealed = { cipher: "aes-256-gcm", key_slots: slot("aaaaaaaaaaaaaaaa") } as const;
const withKey: BaseRequirements = { ...plain, cipher: "aes-256-gcm", keyIds: ["aaaaaaaaaaaaaaaa"] };

it.for([
  { name: "nothing from nothing", points: [], needs: plain, base: undefined, says: "there is no full yet" },
  { name: "no incremental", points: [point(incremental)], needs: plain, base: undefined, says: "there is no full yet" },
  { name: "the newest full", points: [point(full), point(old)], needs: plain, base: full, says: "newest usable full" },
  {
    name: "a compliance one",
    points: [point(full), point(compliance)],
    needs: plain,
    base: compliance,
    says: compliance,
  },
  { name: "an incomplete one", points: [point(full, { complete: false })], needs: plain, base: full, says: full },
  {
    name: "one of the same cipher",
    points: [point(old), point(full, sealed)],
    needs: plain,
    base: old,
    says: `${full} has cipher aes-256-gcm, not none`,
  },
  { name: "one of the same key", points: [point(full, sealed)], needs: withKey, base: full, says: full },
  {
    name: "none of another key",
    points: [point(full, { ...sealed, key_slots: slot("bbbbbbbbbbbbbbbb") })],
    needs: withKey,
    base: undefined,
    says: "no full can be the base: erlmcp_full_20260202_120000 has another key",
  },
  {
    name: "one with a further slot for this key",
    points: [point(full, { ...sealed, key_slots: [...slot("bbbbbbbbbbbbbbbb"), ...slot("aaaaaaaaaaaaaaaa")] })],
    needs: withKey,
    base: full,
    says: full,
  },
  {
    name: "none that cuts otherwise",
    points: [point(full, { chunking: { ...chunking, table: chunking.file } })],
    needs: plain,
    base: undefined,
    says: "cuts chunks in another way",
  },
  {
    name: "none of another format",
    points: [{ ...point(full), format: 2 }],
    needs: plain,
    base: undefined,
    says: "has format version 2",
  },
])("chooses $name", async ({ points, needs, base, says }) => {
  const choice = await chooseBase(points, needs);
  expect(choice.base?.backup_id).toBe(base);
  expect(choice.reason).toContain(says);
});

it("passes over what cannot be read, and asks for no more than it has to", async () => {
  const asked: string[] = [];
  const unreadable = (id: string): Promise<string | undefined> => {
    asked.push(id);
    return Promise.resolve(id === compliance ? "lacks packs/000001.pack" : undefined);
  };
  const choice = await chooseBase([point(old), point(full), point(compliance)], { ...plain, unreadable });
  expect(choice.base?.backup_id).toBe(full);
  expect(choice.reason).toBe(
    `${full} is the newest usable full; newer ones do not fit: ${compliance} lacks packs/000001.pack`,
  );
  expect(asked).toEqual([compliance, full]);
});

it("gives the generation, oldest first, and nobody else's incrementals", async () => {
  const later = "erlmcp_incremental_20260205_120000";
  const others = point("erlmcp_incremental_20260202_000000", { base: old });
  const choice = await chooseBase([point(later), others, point(old), point(full), point(incremental)], plain);
  const generation = "generation" in choice ? choice.generation : [];
  expect(generation.map((one) => one.backup_id)).toEqual([full, incremental, later]);
});

it("keeps its reason short", async () => {
  const points = ["01", "02", "03", "04", "05"].map((day) => point(`erlmcp_full_202601${day}_000000`, sealed));
  expect((await chooseBase(points, plain)).reason).toMatch(
    /^no full can be the base: (erlmcp_full_202601\d\d_0{6} has cipher [^,]+, not none(, )?){3} and 2 more$/,
  );
});
