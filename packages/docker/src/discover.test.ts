import { expect, it } from "vitest";
import { BackupError } from "@erlmcp/errors";
import { discover } from "./discover.ts";
import type { Discovery, DiscoverySettings, Source } from "./source.ts";
import type { Container, Mount, Volume } from "./types.ts";

type Labels = Record<string, string>;
const b = "erlmcp.backup";

function container(name: string, labels: Labels, more: Partial<Container> = {}): Container {
  return {
    id: name.padEnd(64, "0"),
    name,
    image: "debian:13",
    imageId: "sha256:0",
    state: "running",
    labels,
    project: undefined,
    service: undefined,
    oneOff: false,
    mounts: [],
    networks: [],
    hostname: name,
    ...more,
  };
}

function volume(name: string, labels: Labels = {}, more: Partial<Volume> = {}): Volume {
  return { name, driver: "local", labels, project: undefined, shortName: undefined, anonymous: false, ...more };
}

const mounted = (name: string, target = `/${name}`, readOnly = false): Mount => ({
  type: "volume",
  volume: name,
  source: `/var/lib/docker/volumes/${name}/_data`,
  target,
  readOnly,
});
const bind = (source: string, target: string): Mount => ({
  type: "bind",
  volume: undefined,
  source,
  target,
  readOnly: false,
});

function short(source: Source): string {
  const down = source.unavailable === undefined ? "" : ` (${source.unavailable})`;
  if (source.kind === "erlang") return `erlang ${source.name} ${source.components.join("+")}${down}`;
  if (source.kind === "config") return `config ${source.name} ${source.paths.join("+")}${down}`;
  if (source.kind !== "volume") return `${source.kind} ${source.name}${down}`;
  const still = source.during.map((quiet) => ` ${quiet.action}:${quiet.container.name}`).join("");
  return `volume ${source.name}${still}${down}`;
}

const found = (plan: Discovery): string[] => plan.sources.map(short);
const left = (plan: Discovery): string[] =>
  plan.excluded.map(({ source, name, reason }) => `${source} ${name}: ${reason}`);

interface Case {
  name: string;
  containers?: Container[];
  volumes?: Volume[];
  settings?: DiscoverySettings;
  sources: string[];
  excluded?: string[];
}

const pgData =
  "it belongs to the PostgreSQL server of container db, which is dumped; name it to have it taken as it is";

const cases: Case[] = [
  { name: "finds nothing where there is nothing", sources: [] },
  {
    name: "takes each kind by its label",
    containers: [
      container(
        "app",
        { [`${b}.erlang`]: "true", [`${b}.config`]: "/etc/app/,/etc/app.conf", [`${b}.volumes`]: "true" },
        { mounts: [mounted("data")] },
      ),
      container("db", { [`${b}.postgres`]: "true" }),
      container("other", {}),
    ],
    volumes: [volume("data"), volume("unrelated")],
    sources: ["erlang app ets+dets+mnesia", "postgres db", "volume data", "config app /etc/app+/etc/app.conf"],
  },
  {
    name: "takes nothing that says false",
    containers: [
      container(
        "app",
        { [`${b}.erlang`]: "false", [`${b}.node`]: "a@b", [`${b}.volumes`]: "false" },
        { mounts: [mounted("data")] },
      ),
    ],
    volumes: [volume("data")],
    sources: [],
  },
  {
    name: "keeps a container that doesn't run as a source that fails, but reads its files",
    containers: [
      container(
        "app",
        { [`${b}.erlang`]: "true", [`${b}.config`]: "/etc/app", [`${b}.volumes`]: "true" },
        { state: "exited", mounts: [mounted("data")] },
      ),
      container("db", { [`${b}.postgres`]: "true" }, { state: "paused" }),
    ],
    volumes: [volume("data")],
    sources: [
      "erlang app ets+dets+mnesia (container app is exited, not running)",
      "postgres db (container db is paused, not running)",
      "volume data",
      "config app /etc/app",
    ],
  },
  {
    name: "looks at one project only",
    containers: [
      container("a-app", { [`${b}.erlang`]: "true" }, { project: "a" }),
      container("b-app", { [`${b}.erlang`]: "true" }, { project: "b" }),
      container("plain", { [`${b}.erlang`]: "true" }),
    ],
    volumes: [volume("a_x", { [b]: "true" }, { project: "a" }), volume("b_x", { [b]: "true" }, { project: "b" })],
    settings: { project: "a" },
    sources: ["erlang a-app ets+dets+mnesia", "volume a_x"],
  },
  {
    name: "takes only the components that are wanted",
    containers: [
      container(
        "app",
        { [`${b}.erlang`]: "true", [`${b}.volumes`]: "true", [`${b}.config`]: "/etc/app" },
        { mounts: [mounted("data")] },
      ),
      container("db", { [`${b}.postgres`]: "true" }),
    ],
    volumes: [volume("data")],
    settings: { only: ["mnesia", "config", "ets"] },
    sources: ["erlang app ets+mnesia", "config app /etc/app"],
  },
  {
    name: "doesn't copy the volume of a server that is dumped",
    containers: [
      container(
        "db",
        { [`${b}.postgres`]: "true", [`${b}.volumes`]: "true" },
        { mounts: [mounted("pgdata"), mounted("wal")] },
      ),
      container("app", { [`${b}.volumes`]: "true" }, { mounts: [mounted("pgdata")] }),
    ],
    volumes: [volume("pgdata"), volume("wal")],
    sources: ["postgres db"],
    excluded: [`pgdata pgdata: ${pgData}`, `wal wal: ${pgData}`],
  },
  {
    name: "copies it when it is named, by a container or by itself",
    containers: [
      container(
        "db",
        { [`${b}.postgres`]: "true", [`${b}.volumes`]: "pgdata" },
        { mounts: [mounted("pgdata"), mounted("wal")] },
      ),
    ],
    volumes: [volume("pgdata"), volume("wal", { [b]: "true" })],
    sources: ["postgres db", "volume pgdata", "volume wal"],
  },
  {
    name: "takes a volume by the name that the Compose file gives it, in its own project only",
    containers: [
      container("app", { [`${b}.volumes`]: "data" }, { project: "p", mounts: [mounted("p_data"), mounted("q_data")] }),
      container("odd", { [`${b}.volumes`]: "data" }, { project: "p", mounts: [mounted("q_data")] }),
    ],
    volumes: [
      volume("p_data", {}, { project: "p", shortName: "data" }),
      volume("q_data", {}, { project: "q", shortName: "data" }),
    ],
    sources: ["volume data (container odd has no volume data)", "volume p_data"],
  },
  {
    name: "takes a shared volume once, and knows who has to be still",
    containers: [
      container(
        "a",
        { [`${b}.volumes`]: "true", [`${b}.during`]: "pause" },
        { mounts: [mounted("shared"), mounted("own")] },
      ),
      container("b", { [`${b}.during`]: "stop" }, { mounts: [mounted("shared")] }),
      container("c", { [`${b}.volumes`]: "shared" }, { mounts: [mounted("shared")] }),
    ],
    volumes: [volume("shared"), volume("own")],
    sources: ["volume own pause:a", "volume shared pause:a stop:b"],
  },
  {
    name: "says what it cannot take",
    containers: [
      container(
        "app",
        { [`${b}.volumes`]: "true" },
        {
          mounts: [
            bind("/srv/data", "/data"),
            mounted("a".repeat(64), "/cache"),
            { ...bind("", "/tmp"), type: "tmpfs" },
          ],
        },
      ),
    ],
    volumes: [volume("a".repeat(64), {}, { anonymous: true })],
    sources: [],
    excluded: [
      "app /cache: the volume has no name of its own; give it one to have it taken",
      "app /data: /srv/data is a folder of the host, no volume; mount it in the job at /sources/volumes/NAME to have it taken",
      "app /tmp: it is no volume and holds nothing that outlives the container",
    ],
  },
  {
    name: "leaves a volume that says false, unless a container names it",
    containers: [
      container("app", { [`${b}.volumes`]: "true" }, { mounts: [mounted("cache"), mounted("data")] }),
      container("x", { [`${b}.volumes`]: "data" }, { mounts: [mounted("data")] }),
    ],
    volumes: [volume("cache", { [b]: "false" }), volume("data", { [b]: "false" })],
    sources: ["volume data"],
    excluded: ["cache cache: label erlmcp.backup=false of the volume"],
  },
  {
    name: "never takes this job, its siblings, or what it writes to",
    containers: [
      container(
        "job",
        { [`${b}.volumes`]: "true" },
        { mounts: [mounted("repository"), mounted("data", "/sources/volumes/data", true)] },
      ),
      container("sibling", { [`${b}.erlang`]: "true", "erlmcp.job.sibling": "x" }),
      container("drilled", { [`${b}.erlang`]: "true", "erlmcp.drill": "x" }),
      container("app", { [`${b}.volumes`]: "true" }, { mounts: [mounted("repository"), mounted("data")] }),
    ],
    volumes: [volume("repository", { [b]: "true" }), volume("data")],
    settings: { selfId: "job".padEnd(64, "0") },
    sources: ["volume data"],
    excluded: ["repository repository: this job writes to it"],
  },
  {
    name: "passes over one-off containers of docker compose run",
    containers: [
      container("app", { [`${b}.erlang`]: "true" }),
      container("app-run-1", { [`${b}.erlang`]: "true" }, { oneOff: true }),
    ],
    sources: ["erlang app ets+dets+mnesia"],
  },
  {
    name: "goes by names where nothing has a label",
    containers: [
      container("x1", {}, { image: "registry.example:5000/acme/erlmcp-server:3.0" }),
      container("x2", {}, { service: "erlmcp" }),
      container("x3", {}, { image: "postgres@sha256:00", mounts: [mounted("redis-data")] }),
      container("x4", {}, { image: "acme/my-postgres:17" }),
      container("x5", {}, { image: "erlmcp", oneOff: true }),
    ],
    volumes: [
      volume("p_erlmcp-data", {}, { shortName: "erlmcp-data" }),
      volume("redis-data"),
      volume("erlmcp-logs"),
      volume("data"),
    ],
    sources: [
      "erlang x1 ets+dets+mnesia",
      "erlang x2 ets+dets+mnesia",
      "postgres x3",
      "volume erlmcp-logs",
      "volume p_erlmcp-data",
    ],
    excluded: [`redis-data redis-data: ${pgData.replace("db", "x3")}`],
  },
  {
    name: "goes by labels alone as soon as there is one",
    containers: [container("erlmcp", {}, { image: "erlmcp" })],
    volumes: [volume("erlmcp-data"), volume("mine", { [b]: "true" })],
    sources: ["volume mine"],
  },
];

it.for(cases)("discover $name", ({ containers = [], volumes = [], settings = {}, sources, excluded = [] }) => {
  const plan = discover({ containers, volumes, settings });
  expect(found(plan)).toEqual(sources);
  expect(left(plan)).toEqual(excluded);
});

it("gives a reason for each source, and says when it goes by names", () => {
  const byLabel = discover({
    containers: [
      container("db", { [`${b}.postgres`]: "true", [`${b}.user`]: "root", [`${b}.databases`]: "app, stats" }),
    ],
    volumes: [],
    settings: {},
  });
  expect(byLabel.sources).toMatchObject([
    { reason: "label erlmcp.backup.postgres of container db", settings: { user: "root", databases: ["app", "stats"] } },
  ]);
  expect(byLabel.notes).toEqual([]);
  const byName = discover({ containers: [container("db", {}, { image: "postgres:17" })], volumes: [], settings: {} });
  expect(byName.sources).toMatchObject([{ reason: "image postgres:17", settings: { user: undefined } }]);
  expect(byName.notes).toEqual([
    "no container or volume has a label erlmcp.backup…; images, services and volumes are taken by their names",
  ]);
});

it("reads the settings of an Erlang node", () => {
  const labels = {
    [`${b}.erlang`]: "true",
    [`${b}.node`]: "app@host",
    [`${b}.cookie-file`]: "/var/lib/app/.erlang.cookie",
    [`${b}.ets`]: "sessions,cache",
    [`${b}.ets.suspend`]: "sessions",
    [`${b}.dets`]: "/data/a.dets,/data/b.dets",
  };
  const plan = discover({ containers: [container("app", labels)], volumes: [], settings: {} });
  expect(plan.sources).toMatchObject([
    {
      settings: {
        node: "app@host",
        cookieFile: "/var/lib/app/.erlang.cookie",
        ets: ["sessions", "cache"],
        etsSuspend: ["sessions"],
        dets: ["/data/a.dets", "/data/b.dets"],
      },
    },
  ]);
});

it.for([
  { labels: { erlang: "yes" }, problem: `label ${b}.erlang is "yes" and not true or false` },
  { labels: { erlnag: "true" }, problem: `label ${b}.erlnag is no label that is known` },
  { labels: { during: "freeze" }, problem: `label ${b}.during is "freeze" and not run or pause or stop` },
  { labels: { config: "etc/app" }, problem: `label ${b}.config has "etc/app", which is no absolute path` },
  { labels: { config: "/etc/../root" }, problem: `label ${b}.config has "/etc/../root", which is no plain path` },
  { labels: { config: "/" }, problem: `label ${b}.config has the whole file system` },
  { labels: { config: "" }, problem: `label ${b}.config has an empty name in its list` },
  { labels: { volumes: "a,,b" }, problem: `label ${b}.volumes has an empty name in its list` },
  { labels: { user: "root" }, problem: `label ${b}.user has no effect without ${b}.postgres=true` },
  { labels: { ets: "all" }, problem: `label ${b}.ets has no effect without ${b}.erlang=true` },
  { labels: { postgres: "true", user: "a\nb" }, problem: `label ${b}.user has control characters or is too long` },
])("refuses $labels", ({ labels, problem }) => {
  const prefixed = Object.fromEntries(Object.entries(labels).map(([name, value]) => [`${b}.${name}`, value]));
  const run = (): unknown => discover({ containers: [container("app", prefixed)], volumes: [], settings: {} });
  expect(run).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  expect(run).toThrow(`container app: ${problem}`);
});

it("tells all that is wrong at once", () => {
  const run = (): unknown =>
    discover({
      containers: [container("a", { [`${b}.erlang`]: "1" }), container("b", { [`${b}.postgres`]: "on" })],
      volumes: [],
      settings: {},
    });
  expect(run).toThrow(BackupError);
  expect(run).toThrow(
    `container a: label ${b}.erlang is "1" and not true or false; container b: label ${b}.postgres is "on" and not true or false`,
  );
});

it("refuses a volume's label that it cannot read", () => {
  const run = (): unknown => discover({ containers: [], volumes: [volume("v", { [b]: "maybe" })], settings: {} });
  expect(run).toThrow(`volume v: label ${b} is "maybe" and not true or false`);
});
