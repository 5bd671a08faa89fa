export interface Gate<T> {
  /** It is the same object, but its method waits at the gate. */
  readonly gated: T
  /** Resolves when somebody waits. */
  readonly reached: Promise<void>
  readonly open: () => void
}

/** Stops whoever calls `method`, before or after it does its work, until the gate is opened. */
export function gate<T extends object>(target: T, method: keyof T, when: 'before' | 'after'): Gate<T> {
  let reach: () => void = () => undefined
  let open: () => void = () => undefined
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const gated = instead(target, method, async (work) => {
    const result = when === 'after' ? await work() : undefined
    reach()
    await opened
    return when === 'after' ? result : work()
  })
  return { gated, reached, open }
}

/** Gives the same object, but with `value` as this property. */
export function having<T extends object, K extends keyof T>(target: T, property: K, value: T[K]): T {
  return new Proxy(target, {
    get(_, key) {
      if (key === property) return value
      const own: unknown = Reflect.get(target, key, target)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}

/** Gives the same object, but with this done instead of `method`; `work` is what the method would have done. */
export function instead<T extends object>(
  target: T,
  method: keyof T,
  act: (work: () => Promise<unknown>) => Promise<unknown>,
): T {
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      if (key !== method) return value.bind(target)
      return (...args: unknown[]) => act(async () => Reflect.apply(value, target, args))
    },
  })
}
