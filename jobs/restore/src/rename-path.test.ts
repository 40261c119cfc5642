import { expect, it } from "vitest";
import { renamePath } from "./rename-path.ts";

const renames = new Map([
  ["a@x", "b@y"],
  ["b@y", "a@x"],
  ["c@x", "c@z.example"],
]);

it.each([
  ["/var/lib/Mnesia.a@x/prefs.dets", "/var/lib/Mnesia.b@y/prefs.dets"],
  ["/var/lib/a@x/prefs.dets", "/var/lib/b@y/prefs.dets"],
  ["/var/lib/a@x/b@y.dets", "/var/lib/b@y/a@x.dets"],
  ["/var/lib/a@x1/prefs.dets", "/var/lib/a@x1/prefs.dets"],
  ["/var/lib/aa@x/prefs.dets", "/var/lib/aa@x/prefs.dets"],
  ["/c@x", "/c@z.example"],
])("renamePath %s", (path, expected) => {
  expect(renamePath(path, renames)).toBe(expected);
});
