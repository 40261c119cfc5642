import { bytesOf, namesIn, type Entry } from "@erlmcp/entry";

/**
 * Whether entries can lie where they say, asked one after another in the order of the stream: a path that leaves its
 * source, something inside of what is no folder, a further name of a file that does not come before it.
 */
export function createPlaceCheck(): (entry: Entry) => string[] {
  let last: string | undefined; // path of the entry before, with a slash, if that is no folder
  return (entry) => {
    const problems: string[] = [];
    const path = bytesOf(entry.path).toString("latin1");
    if (namesIn(entry.path) === undefined) problems.push("its path leads elsewhere");
    if (path === "" && entry.kind !== "folder") problems.push(`the root is a ${entry.kind}`);
    if (last !== undefined && path.startsWith(last)) problems.push("it lies in what is no folder");
    last = entry.kind === "folder" ? undefined : `${path}/`;
    if (entry.kind === "hardlink" && namesIn(entry.target) === undefined) {
      problems.push("the file that it is a further name of lies elsewhere");
    }
    return problems;
  };
}
