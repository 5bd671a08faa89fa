import { fileURLToPath } from 'node:url'
import { ensureBuilt, ensureInstalled } from './bootstrap.mjs'
import { runChild } from './run-child.mjs'

/** @param {string} path */
const built = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** The IPC channel ends the child when this process is killed. @param {string} script @param {string[]} args @param {NodeJS.ProcessEnv} env */
function runBuilt(script, args, env) {
  return runChild(process.execPath, [built(script), ...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env })
}

const [program, ...args] = process.argv.slice(2)
if (program !== 'manager' && program !== 'file-server' && program !== 'bench') {
  console.error('holdfast: node scripts/run.mjs manager | file-server | bench')
  process.exit(1)
}
await ensureInstalled()
await ensureBuilt()
if (program === 'file-server') {
  const { prepareFileServer } = await import(
    new URL('../launcher/dist/join/prepare-file-server.js', import.meta.url).href
  )
  /** @type {{ kind: 'run', env: NodeJS.ProcessEnv } | { kind: 'end', exitCode: number }} */
  const plan = await prepareFileServer(args, process.env)
  process.exitCode = plan.kind === 'end' ? plan.exitCode : await runBuilt('file-server/dist/main.js', [], plan.env)
} else {
  const env = { UV_THREADPOOL_SIZE: '16', ...process.env }
  process.exitCode = await runBuilt(program === 'bench' ? 'bench/dist/main.js' : 'manager/dist/main.js', args, env)
}
