/** Keeps what a process has started, to stop it in reverse order. */
export class StopStack {
  readonly #stops: (() => unknown)[] = []

  /** @param stop is called once, and may return a promise */
  add(stop: () => unknown): void {
    this.#stops.push(stop)
  }

  /** Stops everything, even where one stop fails. @throws the first failure, when all have been stopped */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) {
      try {
        await stop()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

/**
 * Runs a start that adds to the stack whatever it has started. Where it fails, all of that is stopped before the error goes
 * on. @returns what the start returned, with a `close` that stops everything
 */
export async function startStopping<T extends object>(
  start: (stops: StopStack) => Promise<T>,
): Promise<T & { close(): Promise<void> }> {
  const stops = new StopStack()
  try {
    return Object.assign(await start(stops), { close: () => stops.close() })
  } catch (error) {
    // The start's own error says what is wrong; one of the stops would hide it.
    await stops.close().catch(() => undefined)
    throw error
  }
}
