import type { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { DrillReport, DrillStage, DrillTiming } from "@erlmcp/verify";
import type { DrillFinding } from "./intent.ts";

/** What a stage is about; both null for all of the restore point. */
export interface Subject {
  readonly component: Component | null;
  readonly source: string | null;
}

/** Gathers what a drill finds and how long it takes. */
export class DrillRecord {
  readonly findings: DrillFinding[] = [];
  readonly timings: DrillTiming[] = [];
  readonly proven: DrillReport["proven"] = [];
  readonly checks: DrillReport["checks"] = [];
  readonly notes: string[] = [];
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Times a stage, also one that fails. */
  async time<T>(stage: DrillStage, subject: Subject, work: () => Promise<T>): Promise<T> {
    const begun = this.#monotonicMs();
    try {
      return await work();
    } finally {
      const seconds = Math.round(this.#monotonicMs() - begun) / 1000;
      this.timings.push({ stage, component: subject.component, source: subject.source, seconds });
    }
  }

  wrong(subject: Subject, what: string, path: string | null = null): void {
    this.findings.push({ component: subject.component, source: subject.source, path, what });
  }

  /**
   * A part that can't be brought back is what a drill looks for: it is named, and the others go on. An engine that fails, a signal
   * or a fault of ours is thrown on.
   *
   * @returns undefined when it failed
   */
  async attempt<T>(subject: Subject, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof BackupError) || !ofTheData.has(error.code)) throw error;
      const because = error.cause instanceof BackupError ? `: ${error.cause.message}` : "";
      this.wrong(subject, `${error.message}${error.message.includes(because) ? "" : because}`);
      return undefined;
    }
  }
}

const ofTheData = new Set(["FAILED", "CORRUPT", "SOURCE_FAILED"]);
