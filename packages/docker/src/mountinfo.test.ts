import { expect, it } from "vitest";
import { readPlacement } from "./mountinfo.ts";

const id = "0123456789abcdef".repeat(4);
const mount = (root: string, target: string): string =>
  `22 27 0:21 / /proc rw,relatime - proc proc rw\n700 655 254:0 ${root} ${target} rw,relatime - ext4 /dev/vda rw\n`;

it.for([
  { name: "Docker", root: `/var/lib/docker/containers/${id}/hostname`, target: "/etc/hostname" },
  { name: "Docker on a disk of its own", root: `/containers/${id}/resolv.conf`, target: "/etc/resolv.conf" },
  { name: "Docker with odd folders", root: `/x\\040y/containers/${id}/hosts`, target: "/etc/hosts" },
  { name: "Podman", root: `/containers/storage/overlay-containers/${id}/userdata/hosts`, target: "/etc/hosts" },
  { name: "containerd", root: `/io.containerd.grpc.v1.cri/sandboxes/${id}/hostname`, target: "/etc/hostname" },
])("finds its container under $name", ({ root, target }) => {
  expect(readPlacement(mount(root, target))).toEqual({ inside: true, id });
});

it("knows a pod, whose container has no name there", () => {
  const root = "/var/lib/kubelet/pods/3f0c1d2e-0000-4000-8000-123456789abc/etc-hosts";
  expect(readPlacement(mount(root, "/etc/hosts"))).toEqual({ inside: true, id: undefined });
});

it.for([
  { name: "a bare machine", root: "/", target: "/" },
  { name: "a hosts file from elsewhere", root: "/srv/hosts", target: "/etc/hosts" },
  { name: "another container's file, mounted elsewhere", root: `/containers/${id}/hosts`, target: "/mnt/hosts" },
  { name: "an ID that is too short", root: "/containers/0123456789ab/hosts", target: "/etc/hosts" },
])("is in no container on $name", ({ root, target }) => {
  expect(readPlacement(mount(root, target))).toEqual({ inside: false, id: undefined });
});

it("bears with lines that are no mounts", () => {
  expect(readPlacement("\nshort line\n")).toEqual({ inside: false, id: undefined });
});
