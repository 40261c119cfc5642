/** The files that every container engine mounts over a container's own, from a folder named after the container. */
const perContainer = new Set(["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"]);
const idInPath = /\/([0-9a-f]{64})\/(?:userdata\/)?(?:hostname|hosts|resolv\.conf)$/;
const kubelet = /\/pods\/[0-9a-f-]{36}\/etc-hosts$/;

/** What a process's mounts tell about the container that it is in. */
export interface Placement {
  inside: boolean;
  id: string | undefined; // 64 hex digits; undefined outside, or where the engine's folders don't name it
}

/**
 * Reads `/proc/self/mountinfo` (proc(5)): the fourth field is the folder inside the file system that is mounted,
 * the fifth where. Docker's is `…/containers/<id>/hostname`, Podman's `…/<id>/userdata/hostname`, containerd's
 * `…/sandboxes/<id>/hostname`; it works under cgroup v1 and v2 alike. A `/.dockerenv` file proves nothing: virtual
 * machines made from images have one too.
 */
export function readPlacement(mountinfo: string): Placement {
  let inside = false;
  for (const line of mountinfo.split("\n")) {
    const [, , , root, target] = line.split(" ");
    if (root === undefined || target === undefined || !perContainer.has(target)) continue;
    const id = idInPath.exec(root)?.[1];
    if (id !== undefined) return { inside: true, id };
    inside ||= kubelet.test(root);
  }
  return { inside, id: undefined };
}
