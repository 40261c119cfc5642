import { describe, expect, it } from "vitest";
import { LiveContainer, throwawaySpec, type ThrowawaySpec } from "./throwaway-spec.ts";

const spec: Omit<ThrowawaySpec, "run"> = {
  name: "erlmcp-drill-1-node-0",
  image: "sha256:1",
  hostname: "db1",
  network: { name: "net", aliases: ["app"] },
  mounts: [{ volume: "v", target: "/data", fromImage: true }],
};

/** A container that must not be imitated in everything. */
const live = LiveContainer.parse({
  Config: {
    Env: ["A=1"],
    Cmd: ["run"],
    Entrypoint: ["app"],
    User: "10001",
    WorkingDir: "/home",
    StopSignal: "SIGINT",
    Healthcheck: { Test: ["CMD", "well"], Interval: 5 },
    ExposedPorts: { "9090/tcp": {} },
    Labels: { "erlmcp.backup.erlang": "true" },
  },
  HostConfig: {
    ShmSize: 64,
    Binds: ["/etc:/etc"],
    Mounts: [{ Type: "volume", Source: "live", Target: "/data" }],
    PortBindings: { "9090/tcp": [{ HostPort: "9090" }] },
    NetworkMode: "host",
    PidMode: "host",
    IpcMode: "host",
    Privileged: true,
    Devices: [{ PathOnHost: "/dev/kvm" }],
    CapAdd: ["SYS_ADMIN"],
    RestartPolicy: { Name: "always" },
    ExtraHosts: ["db:10.0.0.1"],
    Links: ["db"],
    VolumesFrom: ["other"],
  },
});

describe("a throwaway container of the application", () => {
  const options = throwawaySpec({ ...spec, run: { kind: "own", like: "x" } }, { label: "owner", live });

  it("runs as the live one does", () => {
    expect(options).toMatchObject({
      Env: ["A=1"],
      Cmd: ["run"],
      Entrypoint: ["app"],
      User: "10001",
      WorkingDir: "/home",
      StopSignal: "SIGINT",
      Healthcheck: { Test: ["CMD", "well"], Interval: 5 },
    });
  });

  it("has nothing else of it: no network, volume, folder, port, device, privilege or label", () => {
    expect(options.HostConfig).toEqual({
      AutoRemove: false,
      NetworkMode: "net",
      SecurityOpt: ["no-new-privileges:true"],
      PublishAllPorts: false,
      ShmSize: 64,
      Mounts: [
        {
          Type: "volume",
          Source: "v",
          Target: "/data",
          ReadOnly: false,
          VolumeOptions: { NoCopy: false, Labels: {}, DriverConfig: { Name: "", Options: {} } },
        },
      ],
    });
    expect(options.Labels).toEqual({ "erlmcp.drill": "owner" });
    expect(options).not.toHaveProperty("ExposedPorts");
  });

  it("runs as its image says where there is no live one", () => {
    const bare = throwawaySpec({ ...spec, run: { kind: "own", like: undefined } }, { label: "owner", live: undefined });
    for (const member of ["Cmd", "Entrypoint", "User", "WorkingDir", "Healthcheck"])
      expect(bare).not.toHaveProperty(member);
    expect(bare.Env).toEqual([]);
  });
});

it("a held container waits for the end of its input, and is gone then", () => {
  const options = throwawaySpec({ ...spec, run: { kind: "held", user: "0" } }, { label: "owner", live: undefined });
  expect(options).toMatchObject({
    Entrypoint: ["sh", "-c", "cat >/dev/null"],
    Cmd: [],
    User: "0",
    Healthcheck: { Test: ["NONE"] },
    OpenStdin: true,
    StdinOnce: true,
    HostConfig: { AutoRemove: true },
  });
});
