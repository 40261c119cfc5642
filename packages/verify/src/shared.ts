import type { Examiner } from "@erlmcp/pack";
import type { RestorePointAccess } from "@erlmcp/restore-point";
import { readDocuments, type Documents } from "./documents.ts";
import { finding, type Finding } from "./finding.ts";
import { checkObject, createObjectReader, type ObjectReader, type VerifyProgress } from "./objects.ts";
import type { PackVerdict } from "./packs.ts";
import { inParallel } from "./parallel.ts";

export type VerifyMode = "quick" | "full";

export interface VerifyOptions {
  readonly access: RestorePointAccess;
  /** `quick`: lengths and SHA-256 of all objects. `full`: everything is opened and compared as well. */
  readonly mode: VerifyMode;
  readonly signal: AbortSignal;
  readonly progress?: VerifyProgress | undefined;
  /** Worker threads that open packs; 0 (default) opens them on the calling thread. */
  readonly threads?: number | undefined;
  /** The module of the threads, in a bundle: one that imports `@erlmcp/pack/exam-worker`. */
  readonly worker?: URL | undefined;
}

/** What the parts of one verification share, and what has been proven already. */
export interface Shared {
  readonly options: VerifyOptions;
  readonly examiner: Examiner;
  readonly objects: ObjectReader;
  readonly documentsOf: (id: string) => Promise<Documents>;
  /** Length and SHA-256 of the objects of a restore point, named by `names`. */
  readonly checkObjects: (id: string, names: (name: string) => boolean) => Promise<ObjectsChecked>;
  readonly packs: Map<string, PackVerdict>;
}

export interface ObjectsChecked {
  readonly findings: readonly Finding[];
  readonly objects: number;
  readonly bytes: number;
}

export function share(options: VerifyOptions, examiner: Examiner): Shared {
  const { access } = options;
  const objects = createObjectReader(access, { progress: options.progress, signal: options.signal });
  const documents = new Map<string, Promise<Documents>>();
  const checked = new Map<string, Promise<ObjectsChecked>>();
  let copies: Promise<Map<string, string[]>> | undefined;

  async function readOnce(id: string): Promise<Documents> {
    copies ??= receiptCopies(access);
    const receipts = (await copies).get(id) ?? [];
    return readDocuments({ access, id, open: options.mode === "full", receiptCopies: receipts });
  }

  const documentsOf = async (id: string): Promise<Documents> => remembered(documents, id, async () => readOnce(id));

  async function checkOne(id: string, object: Documents["objects"][number]): Promise<ObjectsChecked> {
    const { problems, bytes } = await checkObject(objects, examiner, { id, object });
    const findings = problems.map((what) => finding(id, { object: object.name }, what));
    return { findings, objects: bytes === undefined ? 0 : 1, bytes: bytes ?? 0 };
  }

  return {
    options,
    examiner,
    objects,
    documentsOf,
    packs: new Map(),
    async checkObjects(id, names) {
      const wanted = (await documentsOf(id)).objects.filter(({ name }) => names(name));
      const fresh = wanted.filter(({ name }) => !checked.has(`${id}/${name}`));
      options.progress?.expect(fresh.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0));
      const all = await inParallel(wanted, examiner.threads + 1, async (object) =>
        remembered(checked, `${id}/${object.name}`, async () => checkOne(id, object)),
      );
      return {
        findings: all.flatMap(({ findings }) => findings),
        objects: all.reduce((sum, one) => sum + one.objects, 0),
        bytes: all.reduce((sum, one) => sum + one.bytes, 0),
      };
    },
  };
}

async function remembered<T>(known: Map<string, Promise<T>>, key: string, find: () => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const found = find();
  known.set(key, found);
  return found;
}

/** `receipts/` has a copy of each restore point's receipt, under a name that ends in its ID. */
async function receiptCopies({ store }: RestorePointAccess): Promise<Map<string, string[]>> {
  const copies = new Map<string, string[]>();
  for await (const { key } of store.list("receipts/")) {
    const id = /_backup_(erlmcp_[a-z]+_\d{8}_\d{6})(?:-\d+)?\.json$/.exec(key)?.[1];
    if (id !== undefined) copies.set(id, [...(copies.get(id) ?? []), key]);
  }
  return copies;
}
