import { once } from 'node:events'
import { DirectoryInUseError } from '@holdfast/shared/node/directory-lock'
import { StartError } from '@holdfast/shared/node/run-service'
import { TorrentError } from '@holdfast/shared/node/torrent/metainfo'
import { type App, openApp, stateDirectoryOf } from './app.ts'
import { Prompt } from './cli/prompt.ts'
import { splitWords } from './cli/split-words.ts'
import { type TerminalUi, terminalUi } from './cli/terminal-ui.ts'
import { type Command, endsPeer, parseCommand, runCommand, usage } from './commands/command.ts'
import { defaultConfig, type PeerConfig, readConfig } from './config.ts'
import { askRunningPeer } from './control/control-client.ts'
import { ControlServer } from './control/control-server.ts'
import { PeerError, reasonOf } from './peer-error.ts'

export interface MainOptions {
  /** It is the tracker where no config file names one. */
  readonly manager: string
  /** Ends whatever is under way. */
  readonly signal: AbortSignal
}

const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/**
 * Carries out `holdfast peer [cfg.json] [command …]`, for `scripts/peer.mjs`. @returns the exit code
 * @public
 */
export async function main(args: readonly string[], { manager, signal }: MainOptions): Promise<number> {
  const ui = terminalUi(process.stdout, process.stderr)
  const [first] = args
  const configPath = first?.toLowerCase().endsWith('.json') ? first : null
  const words = configPath === null ? args : args.slice(1)
  if (words[0] === 'help') {
    ui.print(usage)
    return exitCodes.done
  }
  let wanted: Command | null
  let config: PeerConfig
  try {
    wanted = words.length === 0 ? null : parseCommand(words, process.cwd())
    config = configPath === null ? defaultConfig(manager) : await readConfig(configPath)
  } catch (error) {
    return fail(ui, error, exitCodes.usage)
  }
  try {
    await (wanted === null ? runPrompt(config, ui, signal) : runOnce(config, wanted, ui, signal))
    return signal.aborted && wanted !== null ? exitCodes.interrupted : exitCodes.done
  } catch (error) {
    return fail(ui, error, signal.aborted ? exitCodes.interrupted : exitCodes.failed)
  }
}

/** Carries out one command: in the peer that runs there already, or here. */
async function runOnce(config: PeerConfig, wanted: Command, ui: TerminalUi, signal: AbortSignal): Promise<void> {
  if (await askRunningPeer(stateDirectoryOf(config), wanted, ui, signal)) return
  if (endsPeer(wanted)) throw new PeerError(`no peer runs in ${config.directory}`)
  const app = await openApp(config)
  using _ = reportRejections(app)
  const pending = new Set<Promise<void>>()
  // Others of this user may come with a command meanwhile, because the directory is taken.
  const control = await openControl(
    app,
    (work) => {
      pending.add(work)
      work.finally(() => pending.delete(work)).catch(() => undefined)
    },
    () => undefined,
  )
  try {
    await runCommand(app.deps, ui, wanted, signal)
    if (wanted.name === 'upload' || wanted.name === 'share')
      ui.say('what is shared can be loaded while `holdfast peer` runs with this config')
    while (pending.size > 0 && !signal.aborted) await Promise.allSettled(pending)
  } finally {
    await control.close()
    await app.close()
  }
}

/** Shares until it is ended, and carries out the commands that are typed. The end of the input ends it only at a terminal. */
async function runPrompt(config: PeerConfig, ui: TerminalUi, signal: AbortSignal): Promise<void> {
  const app = await openApp(config)
  using _ = reportRejections(app)
  const stop = new AbortController()
  const ended = AbortSignal.any([signal, stop.signal])
  const control = await openControl(
    app,
    () => undefined,
    () => stop.abort(),
  )
  app.goOnline()
  const { host, port } = app.deps.listening
  ui.say(`the peer listens at ${host}:${port}, and its tracker is ${config.tracker}; help lists commands, stop ends it`)
  const prompt = new Prompt(process, () => stop.abort())
  ended.addEventListener('abort', () => {
    prompt.close()
    ui.say('the peer ends')
  })
  try {
    if (ended.aborted) return
    await prompt.run((line, own) => runLine(app, line, ui, own, () => stop.abort()), ended)
    if (!ended.aborted) await once(ended, 'abort')
  } finally {
    prompt.close()
    await control.close()
    await app.close()
  }
}

/** A command that fails says why, and the next one is waited for. */
async function runLine(app: App, line: string, ui: TerminalUi, signal: AbortSignal, stop: () => void): Promise<void> {
  try {
    const words = splitWords(line)
    if (words.length === 0) return
    if (words[0] === 'help') return ui.print(usage)
    const wanted = parseCommand(words, process.cwd())
    if (endsPeer(wanted)) stop()
    else await runCommand(app.deps, ui, wanted, signal)
  } catch (error) {
    ui.say(sentenceOf(app, error))
  } finally {
    ui.clear()
  }
}

function openControl(app: App, onWork: (work: Promise<void>) => void, stop: () => void): Promise<ControlServer> {
  return ControlServer.open({
    directory: app.stateDirectory,
    log: app.deps.log,
    async run(wanted, ui, signal) {
      if (endsPeer(wanted)) {
        ui.print('the peer ends')
        // The answer leaves first.
        setTimeout(stop, 50)
        return
      }
      const work = runCommand(app.deps, ui, wanted, signal).catch((error: unknown) => {
        throw new PeerError(sentenceOf(app, error))
      })
      onWork(work)
      await work
    },
  })
}

/** What webtorrent leaves uncaught of one connection must not end all others. */
function reportRejections({ deps }: App): Disposable {
  const report = (error: unknown): void => deps.log.error({ err: error }, 'an error that nobody waited for')
  process.on('unhandledRejection', report)
  return { [Symbol.dispose]: () => process.off('unhandledRejection', report) }
}

function sentenceOf({ deps }: App, error: unknown): string {
  if (!(error instanceof PeerError || error instanceof TorrentError)) deps.log.error({ err: error }, 'a command failed')
  return reasonOf(error)
}

function fail(ui: TerminalUi, error: unknown, exitCode: number): number {
  const isExpected = error instanceof PeerError || error instanceof StartError || error instanceof DirectoryInUseError
  ui.say(isExpected ? error.message : reasonOf(error))
  return exitCode
}
