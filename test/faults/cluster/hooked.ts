import { fileURLToPath } from 'node:url'

const file = fileURLToPath(new URL('./fault-hooks.mjs', import.meta.url))

/** @returns the environment of a process that does at SIGUSR2 what a hook of `fault-hooks.mjs` says */
export function hooked(hook: string, nodeOptions = ''): Record<string, string> {
  return { FAULT_HOOK: hook, NODE_OPTIONS: `--import=${file} ${nodeOptions}`.trim() }
}
