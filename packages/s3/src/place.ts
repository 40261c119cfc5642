/** Where a repository lies in S3. */
export interface S3Place {
  bucket: string;
  prefix?: string; // of all keys, without slashes at its ends
  region: string;
  endpoint?: string; // of an S3-compatible server, a URL; AWS when undefined
  forcePathStyle?: boolean; // http://server/bucket/key instead of http://bucket.server/key
}

/** What operators call it. */
export function nameOf({ bucket, prefix }: S3Place): string {
  return prefix === undefined || prefix === "" ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;
}

/** Which server, without what a URL can carry beside: names and passwords. */
export function serverOf({ endpoint, region }: Pick<S3Place, "endpoint" | "region">): string {
  if (endpoint === undefined) return `AWS (${region})`;
  return URL.canParse(endpoint) ? new URL(endpoint).host : "the endpoint";
}
