import { readFileSync } from 'node:fs'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { plainText } from '@holdfast/shared/plain-text'
import { integer } from '@holdfast/shared/settings/parsers'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { StorageClass } from '../answers.ts'
import { openStandardStreams } from '../node/standard-streams.ts'
import { StoreClient, type StoreClientOptions } from '../store-client.ts'
import { DEFAULT_SECRET_FILE } from './cluster-secret.ts'
import type { Console } from './console.ts'
import { errorJson, exitCodeHelp, exitCodeOf, exitCodes, sentenceOf } from './exit-code.ts'
import { fromTorrent } from './from-torrent-command.ts'
import { get } from './get-command.ts'
import { ls, ticketBy } from './ls-command.ts'
import { Output } from './output.ts'
import { peer } from './peer-command.ts'
import { put } from './put-command.ts'
import { rm } from './rm-command.ts'
import { share } from './share-command.ts'
import { status } from './status-command.ts'
import { parseDuration, ticket } from './ticket-command.ts'

interface GlobalOptions {
  readonly manager: string
  readonly json?: boolean
}

interface TicketOptions {
  readonly body?: string
  readonly for: number
  readonly server?: string
  readonly secretFile?: string
}

interface ShareOptions {
  readonly patience: number
  readonly expires?: string
  readonly name?: string
  readonly torrent?: boolean
}

interface PutOptions {
  readonly patience: number
  readonly expires?: string
  readonly class: StorageClass
  readonly replace?: boolean
}

interface FromTorrentOptions {
  readonly class: StorageClass
  readonly detach?: boolean
  readonly secretFile?: string
}

interface LsOptions {
  readonly long?: boolean
  readonly shares?: boolean
  readonly secretFile?: string
}

/** @param signal ends whatever is under way. @returns the exit code. */
export async function runProgram(args: readonly string[], signal: AbortSignal): Promise<number> {
  dropEmptyVariables()
  const program = new Command()
  const { stderr } = process
  const { stdin, stdout } = openStandardStreams()
  const output = new Output(stdout, stderr)
  let exitCode = 0
  /** Runs one command, and turns its failure into a sentence and an exit code. */
  const run = async (
    subject: string | null,
    work: (console: Console) => Promise<void>,
    clientOptions: Partial<StoreClientOptions> = {},
  ): Promise<void> => {
    const { manager, json } = program.opts<GlobalOptions>()
    try {
      const client = new StoreClient({ ...clientOptions, baseUrl: manager })
      await work({ client, stdin, stdout, stderr, isJson: json === true, signal })
    } catch (thrown) {
      const error = signal.aborted ? new StoreError('CANCELLED', undefined, { cause: thrown }) : thrown
      if (!output.isFailure(error))
        stderr.write(
          json === true ? `${errorJson(error, subject)}\n` : `holdfast: ${plainText(sentenceOf(error, subject))}\n`,
        )
      exitCode = exitCodeOf(error)
    }
  }

  program
    .name('holdfast')
    .description('Store files in Holdfast, get them back, and see how the store is.')
    .addOption(
      new Option('-m, --manager <url>', "a manager's address").env('HOLDFAST_URL').default('http://127.0.0.1:8000'),
    )
    .version(readVersion(), '-V, --version')
    .option('--json', 'print results and errors as JSON, one object a line')
    .addHelpText('after', exitCodeHelp)
    .exitOverride()
  program
    .command('put')
    .description('store a file')
    .argument('<path>', 'the file, or - for standard input')
    .argument(
      '[name]',
      'its name in the store; the last part of the path unless given, or after a name that ends with /',
    )
    .addOption(classOption('single'))
    .addOption(expiresOption())
    .option('--replace', 'take the place of a file that has the name')
    .addOption(patienceOption())
    .action((path: string, name: string | undefined, options: PutOptions) =>
      run(
        path,
        async (console) => {
          const { class: storageClass, replace = false, expires } = options
          await put(console, path, name, { storageClass, replace, ...(expires !== undefined && { expires }) })
        },
        { sourcePatienceMs: options.patience * 1000 },
      ),
    )
  program
    .command('share')
    .description('store a file under a link that nobody can guess, and print the link')
    .argument('<file>', 'the file, or - for standard input')
    .addOption(expiresOption())
    .option('--name <label>', 'what it is called; the last part of the path unless given')
    .option('--torrent', 'print the address of its torrent and its magnet link, too')
    .addOption(patienceOption())
    .action((path: string, { patience, ...wish }: ShareOptions) =>
      run(path, (console) => share(console, path, wish), { sourcePatienceMs: patience * 1000 }),
    )
  program
    .command('get')
    .description('save a stored file, verified by its digest')
    .argument('<name>', 'its name in the store, its id, or the link of a share')
    .argument('[path]', 'where to save it, or - for standard output; the last part of the name unless given')
    .option('-f, --force', 'overwrite what is there')
    .action((name: string, path: string | undefined, options: { force?: boolean }) =>
      run(name, (console) => get(console, name, path, options.force === true)),
    )
  program
    .command('rm')
    .description('delete stored files')
    .argument('<name...>', 'their names in the store, ids, or links of shares')
    .action((names: string[]) =>
      run(null, async (console) => {
        exitCode = await rm(console, names)
      }),
    )
  program
    .command('ls')
    .description('list stored files by name')
    .argument('[prefix]', 'only names that begin with it')
    .option('-l, --long', 'with id, class, size and times')
    .option('--shares', 'shares with their links in place of files with a path; an operator may')
    .option('--secret-file <file>', `${secretFileHelp}; for --shares`)
    .action((prefix: string | undefined, { long = false, shares = false, secretFile }: LsOptions) =>
      run(prefix ?? null, (console) => ls(console, { prefix, shares, long }), { ticket: ticketBy(secretFile ?? null) }),
    )
  program
    .command('status')
    .description('list the active file-servers, and tell how many replicas chunks have and how healing goes')
    .action(() => run(null, status, { ticket: ticketBy(null) }))
  program
    .command('from-torrent')
    .description('have the store load and store what a torrent is of; an operator may')
    .argument('<torrent>', 'a .torrent file, or a magnet link in quotes')
    .argument('[folder]', 'the names of the files begin with it')
    .addOption(classOption('replicated'))
    .option('--detach', "print the job's id, and do not wait")
    .option('--secret-file <file>', secretFileHelp)
    .action((torrent: string, folder: string | undefined, options: FromTorrentOptions) =>
      run(
        /^magnet:/i.test(torrent) ? 'the magnet link' : torrent,
        async (console) => {
          const { class: storageClass, detach = false } = options
          await fromTorrent(console, torrent, { storageClass, detach, ...(folder !== undefined && { folder }) })
        },
        { ticket: ticketBy(options.secretFile ?? null) },
      ),
    )
  program
    .command('peer')
    .description('share files with other peers, and load theirs; its packages are installed the first time')
    .argument('[args...]', 'a config file, a command, or both; without a command it asks for them')
    .addHelpText('after', '\n`holdfast peer help` lists the commands, and docs/peer.md tells what they do.')
    .action((args: string[]) =>
      run(null, async () => {
        exitCode = await peer(args, { manager: program.opts<GlobalOptions>().manager, signal })
      }),
    )
  program
    .command('ticket')
    .description("print a ticket for one request to a route of the operator, or to a file-server's chunk port")
    .argument('<method>', 'such as GET or POST')
    .argument('<path>', 'as it is sent, with its query, such as /ping')
    .option(
      '--server <id>',
      'the file-server that is asked, by its id in "holdfast --json status"; a manager unless given',
    )
    .option('--body <file>', "the request's body, or - for standard input")
    .addOption(
      new Option('--for <duration>', 'how long it is good for, such as 30s, 10m or 2h; at most a day')
        .default(600, '10m')
        .argParser(argument(parseDuration)),
    )
    .option(
      '--secret-file <file>',
      `where the cluster's secret is; CLUSTER_SECRET, or ${DEFAULT_SECRET_FILE}, unless given`,
    )
    .action((method: string, path: string, options: TicketOptions) =>
      run(null, (console) => ticket(console, { ...options, method, path, validSeconds: options.for })),
    )

  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    exitCode = error.exitCode === 0 ? 0 : exitCodes.usage
  }
  return output.end(exitCode)
}

/** An empty variable counts as not set, as in the settings of a manager. */
function dropEmptyVariables(): void {
  for (const name of ['HOLDFAST_URL', 'HOLDFAST_PATIENCE'])
    if (process.env[name]?.trim() === '') delete process.env[name]
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return version
}

function classOption(unasked: StorageClass): Option {
  return new Option(
    '--class <class>',
    'single: whole, on one file-server; replicated: survives the loss of any one of them',
  )
    .choices(['single', 'replicated'] satisfies StorageClass[])
    .default(unasked)
}

const secretFileHelp = "where the cluster's secret is, where others reach the manager too; CLUSTER_SECRET unless given"

function expiresOption(): Option {
  return new Option('--expires <when>', 'when the store ends it: after 90s, 12h or 7d, say, or at a date')
}

function patienceOption(): Option {
  return new Option('--patience <seconds>', 'how long the input may pause, and take to its first byte')
    .env('HOLDFAST_PATIENCE')
    .default(3_600)
    .argParser(argument(integer({ min: 1, max: 2_000_000 })))
}

/** Has commander say what a parser of ours refuses. */
function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
    }
  }
}
