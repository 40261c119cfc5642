/**
 * A path in a node's container with the names that nodes have here: Mnesia's folder and others are often called after the node.
 * Names that only begin with a node's name stay. Pure.
 */
export function renamePath(path: string, renames: ReadonlyMap<string, string>): string {
  const olds = [...renames.keys()].toSorted((a, b) => b.length - a.length);
  if (olds.length === 0) return path;
  const any = olds.map((old) => old.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join("|");
  const name = new RegExp(`(?<![\\w@-])(${any})(?![\\w@-]|\\.\\w+@)`, "g");
  return path.replaceAll(name, (old) => renames.get(old) ?? old); // at once, so that two names can be swapped
}
