import { BackupError } from "@erlmcp/errors";
import type { Drilling } from "./drilling.ts";

const limitSeconds = 300;

/** Asks until the answer is a good one; the URL comes by the environment. */
const askScript = `const deadline = Date.now() + ${limitSeconds * 1000};
let said = "";
while (Date.now() < deadline) {
  try {
    const answer = await fetch(process.env.HEALTH_URL, { signal: AbortSignal.timeout(10_000) });
    await answer.arrayBuffer();
    if (answer.ok) process.exit(0);
    said = "status " + answer.status;
  } catch (error) {
    said = String(error.cause?.code ?? error.message);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
}
console.log(said);
process.exit(1);`;

const stand = "erlmcp-drill-application";

/** The URL as it is meant in a drill's network: an address or this machine's own name stand for the application. Pure. */
export function forDrill(url: string | undefined): URL | undefined {
  if (url === undefined) return undefined;
  const meant = new URL(url);
  if (meant.hostname === "localhost" || /^[\d.]+$|^\[/.test(meant.hostname)) meant.hostname = stand;
  return meant;
}

/** Asks HEALTH_URL from a container in the drill's network: nothing outside of it can be asked, nor is. */
export async function askHealth({ host, intent, settings, signal }: Drilling): Promise<void> {
  const url = forDrill(settings.values.HEALTH_URL);
  if (url === undefined) return;
  const asker = await host.engine.throwaways.hold(
    {
      name: `erlmcp-drill-${intent.tag}-health`,
      image: host.self.container.imageId,
      network: { name: intent.network, aliases: [] },
      mounts: [],
      run: { kind: "held", user: undefined },
    },
    intent.label,
  );
  try {
    const cmd = ["node", "--input-type=module", "--eval", askScript];
    const { exitCode, stdout } = await host.engine.run(asker.id, { cmd, env: { HEALTH_URL: url.href }, signal });
    if (exitCode === 0) return;
    const said = stdout.toString("utf8").trim() || "nothing";
    throw new BackupError("FAILED", `HEALTH_URL does not say that all is well: ${said}`);
  } finally {
    await asker.end();
  }
}
