import { randomUUID } from "node:crypto";
import Docker from "dockerode";
import { connect } from "../src/connection.ts";
import { answerStatus } from "../src/failure.ts";

/** On everything that these tests make: by the first a whole run is cleaned up, by the second one file's own. */
const runLabel = "erlmcp.test.run";
const fixtureLabel = "erlmcp.test.fixture";

export const image = process.env["ERLMCP_DEBIAN_IMAGE"] ?? "debian:trixie-slim";

/** Containers and volumes of one test file, removed at its end. */
export class Fixture {
  readonly docker = connect(undefined).docker;
  readonly run = `docker-${randomUUID()}`;
  readonly labels = { [runLabel]: process.env["ERLMCP_TEST_RUN"] ?? this.run, [fixtureLabel]: this.run };
  readonly #volumes: string[] = [];
  readonly #networks: string[] = [];

  /** Starts a container that does nothing until it is stopped; its first process reaps the others. */
  async container(options: Docker.ContainerCreateOptions = {}): Promise<string> {
    const { HostConfig, Labels, ...rest } = options;
    const container = await this.docker.createContainer({
      Image: image,
      Cmd: ["sleep", "infinity"],
      StopSignal: "SIGKILL",
      ...rest,
      Labels: { ...Labels, ...this.labels },
      HostConfig: { Init: true, ...HostConfig },
    });
    await container.start();
    return container.id;
  }

  async volume(): Promise<string> {
    const { name } = await this.docker.createVolume({ Name: randomUUID(), Labels: this.labels });
    this.#volumes.push(name);
    return name;
  }

  async network(): Promise<string> {
    const network = await this.docker.createNetwork({ Name: `${this.run}-n`, Labels: this.labels });
    this.#networks.push(network.id);
    return network.id;
  }

  /** The IDs of this run's containers, with what `label` says when given. */
  async listed(label = `${fixtureLabel}=${this.run}`): Promise<string[]> {
    const found = await this.docker.listContainers({ all: true, filters: { label: [label] } });
    return found.map(({ Id }) => Id);
  }

  /** One that the engine is removing by itself is waited for. */
  async #removeContainer(id: string): Promise<void> {
    try {
      await this.docker.getContainer(id).remove({ force: true, v: true });
    } catch (error) {
      const status = answerStatus(error);
      if (status !== 404 && status !== 409) throw error;
      await until(async () => !(await this.listed()).includes(id));
    }
  }

  async remove(): Promise<void> {
    for (const id of await this.listed()) await this.#removeContainer(id);
    for (const name of this.#volumes) await this.docker.getVolume(name).remove({ force: true });
    for (const id of this.#networks) await this.docker.getNetwork(id).remove();
  }
}

/** Resolves when `holds` does; a test that waits for nothing in particular gives up after `limitMs`. */
export async function until(holds: () => Promise<boolean>, limitMs = 90_000): Promise<void> {
  const signal = AbortSignal.timeout(limitMs);
  while (!(await holds())) signal.throwIfAborted();
}
