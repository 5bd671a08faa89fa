/** Gives back in reverse what was started. AsyncDisposableStack is not in Node 20. */
export class Held implements AsyncDisposable {
  readonly #resources: AsyncDisposable[] = []

  use<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource)
    return resource
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#resources.toReversed()) await resource[Symbol.asyncDispose]()
  }
}
