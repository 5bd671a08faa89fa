import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const SLEEP_MS = 1_000

type Action = 'kill' | 'throw' | 'sleep'

/** Is called where the code reaches the point `name`. `FP` says from outside what happens there; see `failpoint`. */
type Failpoint = (name: string) => Promise<void>

/**
 * The fault bench makes a process die, fail or pause at named places: `FP=name:kill|throw|sleep:nth`, several with commas;
 * the nth time the place is reached counts (the first unless given). Each point that acts is first noted in the file
 * `FP_HITS`, if there is one. `failpoint` is undefined when `FP` is unset, so the code says `await failpoint?.('name')`.
 */
export const failpoint: Failpoint | undefined = parseFailpoints(process.env.FP, process.env.FP_HITS)

/** @throws Error on a setting that names no action: a fault test that sets nothing off must not pass for one. */
export function parseFailpoints(setting: string | undefined, hitsFile?: string): Failpoint | undefined {
  if (setting === undefined || setting === '') return undefined
  const points = new Map<string, { readonly action: Action; readonly nth: number }>()
  for (const text of setting.split(',')) {
    const match = /^([\w.-]+):(kill|throw|sleep)(?::([1-9]\d*))?$/.exec(text)
    if (match?.[1] === undefined) throw new Error(`FP: not name:kill|throw|sleep:nth: ${text}`)
    points.set(match[1], { action: match[2] as Action, nth: Number(match[3] ?? 1) })
  }
  const hits = new Map<string, number>()
  return async (name) => {
    const point = points.get(name)
    if (point === undefined) return
    const count = (hits.get(name) ?? 0) + 1
    hits.set(name, count)
    if (count !== point.nth) return
    if (hitsFile !== undefined) appendFileSync(hitsFile, `${name}\n`)
    switch (point.action) {
      case 'kill':
        process.kill(process.pid, 'SIGKILL')
        return new Promise(() => {})
      case 'throw':
        throw new Error(`failpoint ${name}`)
      case 'sleep':
        return delay(SLEEP_MS)
      default:
        point.action satisfies never
    }
  }
}
