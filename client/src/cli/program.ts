import { httpUrl } from '@holdfast/shared/settings/parsers'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { StoreClient } from '../store-client.ts'
import type { Console } from './console.ts'
import { errorJson, exitCodeHelp, exitCodeOf, exitCodes, sentenceOf } from './exit-code.ts'
import { get } from './get-command.ts'
import { put } from './put-command.ts'
import { rm } from './rm-command.ts'
import { status } from './status-command.ts'

interface GlobalOptions {
  readonly manager: string
  readonly json?: boolean
}

/** @returns the exit code. @param signal ends whatever is under way. */
export async function runProgram(args: readonly string[], signal: AbortSignal): Promise<number> {
  const program = new Command()
  let exitCode = 0
  /** Runs one command; its failure becomes a sentence and an exit code. */
  const run = async (subject: string | null, work: (console: Console) => Promise<number>): Promise<void> => {
    const { manager, json } = program.opts<GlobalOptions>()
    const { stdin, stdout, stderr } = process
    const client = new StoreClient({ baseUrl: manager })
    try {
      exitCode = await work({ client, stdin, stdout, stderr, isJson: json === true, signal })
    } catch (error) {
      stderr.write(json === true ? `${errorJson(error, subject)}\n` : `holdfast: ${sentenceOf(error, subject)}\n`)
      exitCode = signal.aborted ? exitCodes.interrupted : exitCodeOf(error)
    }
  }

  program
    .name('holdfast')
    .description('Store files in Holdfast, get them back, and see how the store is.')
    .addOption(
      new Option('-m, --manager <url>', "a manager's address")
        .env('HOLDFAST_URL')
        .default('http://127.0.0.1:8000')
        .argParser(parseManager),
    )
    .option('--json', 'print results and errors as JSON, one object a line')
    .addHelpText('after', exitCodeHelp)
    .exitOverride()
  program
    .command('put')
    .description('store a file')
    .argument('<path>', 'the file, or - for standard input')
    .argument('[name]', 'its name in the store; the last part of the path unless given')
    .action((path: string, name: string | undefined) =>
      run(path, async (console) => {
        await put(console, path, name)
        return 0
      }),
    )
  program
    .command('get')
    .description('save a stored file, verified by its digest')
    .argument('<name>', 'its name in the store')
    .argument('[path]', 'where to save it, or - for standard output; the last part of the name unless given')
    .option('-f, --force', 'overwrite what is there')
    .action((name: string, path: string | undefined, options: { force?: boolean }) =>
      run(name, async (console) => {
        await get(console, name, path, options.force === true)
        return 0
      }),
    )
  program
    .command('rm')
    .description('delete stored files')
    .argument('<name...>', 'their names in the store')
    .action((names: string[]) => run(null, (console) => rm(console, names)))
  program
    .command('status')
    .description('list the active file-servers')
    .action(() =>
      run(null, async (console) => {
        await status(console)
        return 0
      }),
    )

  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : exitCodes.usage
  }
  return exitCode
}

function parseManager(value: string): string {
  try {
    return httpUrl(value)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}
