import { z } from "zod";
import { record } from "./figures.ts";
import { docker, makeVolume, project, sample, sizeOf, timed } from "./docker.ts";
import { peakOf, runJob } from "./tools.ts";

const Stats = z.object({ stats: z.object({ tps: z.number(), latency_us: z.object({ p99: z.number() }) }) });

async function control(method: "GET" | "POST", path: string): Promise<unknown> {
  return JSON.parse(await sample({}, "exec", "--no-TTY", "erlmcp", "control", method, path));
}

function line(name: string, seconds: number, floor: number, more = ""): void {
  record({ title: name, tool: /^(backup|restore)/.test(name) ? "erlmcp" : "floor", seconds, floorSeconds: floor });
  console.log(
    `${name.padEnd(34)}${seconds.toFixed(1).padStart(7)} s   ${(seconds / floor).toFixed(2).padStart(5)} of the floor ${more}`,
  );
}

/** A million rows in Mnesia and in PostgreSQL, beside what the databases' own programs alone take. */
export async function measureDatabases(quick: boolean): Promise<void> {
  const rows = quick ? "20000" : "1000000";
  const env = { SAMPLE_ROWS: rows, SAMPLE_WRITERS: "0", SAMPLE_PG_ROWS: rows, SAMPLE_PG_TPS: "0" };
  await sample(env, "up", "--detach", "--wait", "--wait-timeout", "900", "erlmcp", "postgres");
  const repository = await makeVolume("databases");
  console.log(`\n${rows} rows`);

  const backup = 'mnesia backup ["/var/lib/erlmcp/floor.bup"]';
  const erl = ["exec", `${project}-erlmcp-1`, "erl_call", "-sname", "erlmcp", "-timeout", "300", "-a", backup];
  const mnesia = await timed(erl);
  line("mnesia:backup/1 alone", mnesia.seconds, mnesia.seconds);
  const full = await runJob({ repository, args: ["full", "--only=mnesia"] });
  line(
    "backup full --only=mnesia",
    jobSeconds(full.stdout),
    mnesia.seconds,
    `(${full.seconds.toFixed(1)} s with its containers, peak ${(peakOf(full.stdout) / 1e6).toFixed(0)} MB)`,
  );
  const loading = 'mnesia restore ["/var/lib/erlmcp/floor.bup",[{default_op,recreate_tables}]]';
  const load = await timed([...erl.slice(0, -1), loading]);
  line("mnesia:restore/2 alone", load.seconds, load.seconds);
  await measureRestore(repository, "mnesia", load.seconds);
  await docker("exec", `${project}-erlmcp-1`, "rm", "/var/lib/erlmcp/floor.bup");

  const dump = ["exec", `${project}-postgres-1`, "pg_dump", "-U", "postgres", "-Fc", "-f", "/tmp/floor.dump", "erlmcp"];
  const postgres = await timed(dump);
  line("pg_dump -Fc alone", postgres.seconds, postgres.seconds);
  const pg = await runJob({ repository, args: ["full", "--only=postgres"] });
  line(
    "backup full --only=postgres",
    jobSeconds(pg.stdout),
    postgres.seconds,
    `(${pg.seconds.toFixed(1)} s with its containers)`,
  );

  const psql = ["exec", `${project}-postgres-1`];
  await docker(...psql, "createdb", "-U", "postgres", "floor");
  const into = ["-U", "postgres", "-j", "2", "-d", "floor"];
  const filled = await timed([...psql, "pg_restore", ...into, "/tmp/floor.dump"]);
  await docker(...psql, "dropdb", "-U", "postgres", "floor");
  line("pg_restore -j2 alone", filled.seconds, filled.seconds);
  await measureRestore(repository, "postgres", filled.seconds);

  await measureIncrementals(repository, Number(rows));
  await measureImpact(repository);
}

/** All of it, with what an operator gets beside the data: proof of the restore point, stop, start, comparison. */
async function measureRestore(repository: string, component: "mnesia" | "postgres", floor: number): Promise<void> {
  const args = ["latest", `--only=${component}`, "--no-safety-backup"];
  const { seconds, stdout } = await runJob({ job: "restore", repository, args });
  line(
    `restore latest --only=${component}`,
    jobSeconds(stdout),
    floor,
    `(${seconds.toFixed(1)} s with its containers)`,
  );
}

function jobSeconds(receipt: string): number {
  const at = (name: string) => Date.parse(new RegExp(`"${name}": "([^"]+)"`).exec(receipt)?.[1] ?? "");
  return (at("finished_at") - at("started_at")) / 1000;
}

function change(path: string): () => Promise<unknown> {
  return () => control("POST", `/rows?component=mnesia&table=account&${path}`);
}

async function measureIncrementals(repository: string, rows: number): Promise<void> {
  const before = await sizeOf(repository);
  await runJob({ repository, args: ["full", "--only=mnesia"] });
  const full = (await sizeOf(repository)) - before;
  const some = rows / 1000;
  const cases: [string, () => Promise<unknown>][] = [
    ["unchanged", async () => undefined],
    ["0.1 % contiguous rows updated", change(`op=update&count=${some}&from=${rows / 2}&version=2`)],
    ["0.1 % appended", change(`op=append&count=${some}&version=3`)],
    ["after a restart of the node", () => sample({}, "restart", "erlmcp")],
    ["0.1 % scattered rows updated", change(`op=scatter&count=${some}&every=1000&version=4`)],
  ];
  console.log("\nincremental of Mnesia: bytes added, in per cent of its full");
  for (const [name, act] of cases) {
    await act();
    await sample({}, "up", "--detach", "--wait", "--wait-timeout", "300", "--no-recreate", "erlmcp");
    const start = await sizeOf(repository);
    await runJob({ repository, args: ["incremental", "--only=mnesia"] });
    const percent = (100 * ((await sizeOf(repository)) - start)) / full;
    record({ title: `incremental, ${name}`, tool: "erlmcp", percentOfFull: percent });
    console.log(`${name.padEnd(34)}${percent.toFixed(2).padStart(8)} %`);
  }
}

/** Transactions a second and their 99th percentile in the live node, without and with captures going on. */
async function measureImpact(repository: string): Promise<void> {
  console.log("\nthe live node, writers unlimited");
  await control("POST", "/writer/resume?writers=2&tps=unlimited");
  for (const name of ["alone", "while it is captured", "alone", "while it is captured"]) {
    await control("GET", "/health?stats&reset");
    const begun = performance.now();
    if (name === "alone") await new Promise((resolve) => setTimeout(resolve, 8000));
    else await runJob({ repository, args: ["full", "--only=mnesia"] });
    const { stats } = Stats.parse(await control("GET", "/health?stats"));
    record({ title: `live node ${name}`, tool: "erlmcp", tps: stats.tps, p99Us: stats.latency_us.p99 });
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    console.log(
      `${name.padEnd(34)}${stats.tps.toFixed(0).padStart(8)} tps  p99 ${(stats.latency_us.p99 / 1000).toFixed(1)} ms  over ${seconds} s`,
    );
  }
  await control("POST", "/writer/quiesce");
}
