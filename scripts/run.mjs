import { fileURLToPath } from 'node:url'
import { ensureBuilt, ensureInstalled, ensurePeerInstalled } from './bootstrap.mjs'
import { runChild } from './run-child.mjs'

/** @param {string} path */
const built = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
/** @param {string} path */
const load = (path) => import(new URL(`../${path}`, import.meta.url).href)

/** The IPC channel ends the child when this process is killed. @param {string[]} args @param {NodeJS.ProcessEnv} env */
function runNode(args, env) {
  return runChild(process.execPath, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env })
}

const [program, ...args] = process.argv.slice(2)
if (program !== 'manager' && program !== 'file-server' && program !== 'bench') {
  console.error('holdfast: node scripts/run.mjs manager | file-server | bench')
  process.exit(1)
}
if (program === 'manager' && args.length > 0) {
  console.error('holdfast: npm run manager takes no options; its settings, such as PORT, are environment variables')
  process.exit(1)
}
await ensureInstalled('what runs')
// The section `tracker` measures a tracker that is a package of the peer's.
if (program === 'bench') await ensurePeerInstalled()
await ensureBuilt()
const { nodeFlags } = await load('launcher/dist/processes/node-flags.js')
if (program === 'file-server') {
  const { prepareFileServer } = await load('launcher/dist/join/prepare-file-server.js')
  /** @type {{ kind: 'run', env: NodeJS.ProcessEnv } | { kind: 'end', exitCode: number }} */
  const plan = await prepareFileServer(args, process.env)
  process.exitCode =
    plan.kind === 'end'
      ? plan.exitCode
      : await runNode([...nodeFlags.fileServer, built('file-server/bundle/main.js')], plan.env)
} else {
  const env = { UV_THREADPOOL_SIZE: '16', ...process.env }
  process.exitCode = await (program === 'bench'
    ? runNode([built('bench/dist/main.js'), ...args], env)
    : runNode([...nodeFlags.manager, built('manager/bundle/main.js')], env))
}
