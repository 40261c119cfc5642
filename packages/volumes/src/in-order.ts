/** Finishes things in the order in which they were begun, while up to `limit` of them are under way. */
export class InOrder<T> {
  #queue: (T | Promise<T>)[] = [];
  #head = 0;
  readonly #limit: number;
  readonly #finish: (result: T) => Promise<void>;

  constructor(limit: number, finish: (result: T) => Promise<void>) {
    this.#limit = limit;
    this.#finish = finish;
  }

  /** Waits for the oldest when too many are under way. Rejects as soon as it meets a failure. */
  async push(result: T | Promise<T>): Promise<void> {
    // A failure is met when its turn comes; until then it is not unhandled.
    if (result instanceof Promise) result.catch(() => undefined);
    this.#queue.push(result);
    while (this.#queue.length - this.#head > this.#limit) await this.#finishOldest();
  }

  async drain(): Promise<void> {
    while (this.#queue.length > this.#head) await this.#finishOldest();
  }

  /** Waits until nothing is under way any more, whatever came of it. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#queue.slice(this.#head));
  }

  async #finishOldest(): Promise<void> {
    const oldest = this.#queue[this.#head];
    this.#head += 1;
    if (this.#head >= 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (oldest !== undefined) await this.#finish(oldest instanceof Promise ? await oldest : oldest);
  }
}

/** A number of places; whoever takes one gives it back. One taker at a time may wait. */
export class Places {
  #free: number;
  #wake: (() => void) | undefined;

  constructor(count: number) {
    this.#free = count;
  }

  async take(): Promise<void> {
    while (this.#free === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#free -= 1;
  }

  give(): void {
    this.#free += 1;
    this.#wake?.();
  }
}
