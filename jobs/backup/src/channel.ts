/** A queue of bounded length between one who pushes and one who reads. */
export interface Channel<T> {
  /** Resolves when there is room for more; rejects once the reader has given up. */
  push(item: T): Promise<void>;
  end(): void;
  fail(error: unknown): void;
  readonly output: AsyncIterable<T>;
}

const capacity = 256;

export function createChannel<T>(): Channel<T> {
  const items: T[] = [];
  const state: { ended: boolean; abandoned: boolean; failure: { error: unknown } | undefined } = {
    ended: false,
    abandoned: false,
    failure: undefined,
  };
  let wakeReader: (() => void) | undefined;
  let wakeWriter: (() => void) | undefined;

  const signalReader = () => {
    wakeReader?.();
    wakeReader = undefined;
  };

  async function* read(): AsyncGenerator<T> {
    try {
      for (;;) {
        const item = items.shift();
        if (item !== undefined) {
          wakeWriter?.();
          wakeWriter = undefined;
          yield item;
        } else if (state.failure !== undefined) throw state.failure.error;
        else if (state.ended) return;
        else await new Promise<void>((resolve) => (wakeReader = resolve));
      }
    } finally {
      state.abandoned = true;
      wakeWriter?.();
    }
  }

  return {
    async push(item) {
      items.push(item);
      signalReader();
      while (items.length >= capacity && !state.abandoned) await new Promise<void>((resolve) => (wakeWriter = resolve));
      if (state.abandoned) throw new Error("nobody reads this channel any more");
    },
    end() {
      state.ended = true;
      signalReader();
    },
    fail(error) {
      state.failure = { error };
      items.length = 0;
      signalReader();
    },
    output: read(),
  };
}
