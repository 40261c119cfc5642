import { describeObjectStore } from "@erlmcp/store";
import { startCeph, startMoto, type S3Server } from "@erlmcp/test-rig/s3";
import { afterAll, beforeAll, describe, it } from "vitest";
import { bucketAt, emptyStore, placeAt, startMs, storeAt } from "./support.ts";

describe.for([
  { name: "Ceph", start: startCeph },
  { name: "moto", start: startMoto },
])("$name", ({ name, start }) => {
  let server: S3Server;
  beforeAll(async () => void (server = await start()), startMs);
  afterAll(() => server.stop());

  const abilities = { verifiesPuts: true, conditionalPut: true, conditionalMultipart: true, locksMultipart: true };
  describeObjectStore(`a bucket of ${name}`, () => emptyStore(server, { abilities }), { describe, it });

  // Whatever is not known of the server is seen to by the store itself.
  const below = async () => {
    const bucket = await bucketAt(server);
    return storeAt(server, bucket, { place: { ...placeAt(server, bucket), prefix: "a b/c+d" } });
  };
  describeObjectStore(`a prefix in a bucket of ${name}`, below, { describe, it });
});
