import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { watchUsage } from '../processes/usage.ts'
import type { Transfer } from '../result.ts'
import { usualNode } from '../start-systems.ts'
import { root, type SwarmClient, type SwarmWish } from './clients.ts'

const LIMIT_MS = 600_000
const KEPT_CHARACTERS = 8_000

/** Starts a client anew and measures it from there until it says that it has the whole file. */
export async function runClient(client: SwarmClient, wish: SwarmWish): Promise<Transfer> {
  const startedAt = performance.now()
  const env = { ...process.env, ...usualNode }
  const child = spawn(client.command, client.args(wish), { cwd: root, env })
  const ended = once(child, 'exit')
  try {
    const watch = await watchUsage([{ role: 'client', pid: child.pid ?? -1 }])
    let said = ''
    const whole = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          said = (said + text).slice(-KEPT_CHARACTERS)
          if (stream === child.stdout && said.includes(client.saysAtEnd)) resolve()
        })
      ended.then(() => reject(new Error(`${client.name} ended:\n${said}`)), reject)
      setTimeout(() => reject(new Error(`${client.name} does not end:\n${said}`)), LIMIT_MS).unref()
    })
    child.stdin.end(client.input?.(wish))
    await whole
    const seconds = (performance.now() - startedAt) / 1000
    const [usage] = await watch.end()
    return {
      seconds,
      usage: usage === undefined ? null : { cpuSeconds: usage.cpuUs / 1e6, peakRssBytes: usage.peakRssBytes },
    }
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}
