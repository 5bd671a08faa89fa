/** A source file and what it imports, as the specifiers stand in it. */
export interface SourceFile {
  /** The path begins at the repository's root and is cut by `/`. */
  readonly path: string
  readonly imports: readonly string[]
  /** A barrel holds nothing but re-exports. */
  readonly isBarrel: boolean
}

/** Each package may import these others. */
const packageRules: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  client: ['shared'],
  web: [],
  'file-server': ['shared'],
  manager: ['shared'],
  launcher: ['shared'],
  peer: ['shared'],
  /** It writes records by itself, in the manager's shape. */
  bench: ['launcher', 'manager', 'shared'],
  test: ['client', 'launcher', 'shared'],
  scripts: ['web', 'shared', 'launcher', 'manager', 'file-server'],
}

const apiMayImport = ['api/file-exchange', 'files', 'peers', 'chunks', 'upkeep', 'jobs', 'bodies', 'http'] as const

/**
 * Says which folder of a package may import which others of it, or which one file. A folder of `api/` is an api, and none
 * imports another. What stands beside the folders may import, and be imported by, any.
 */
const folderRules: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  manager: {
    http: [],
    bodies: [],
    chunks: [],
    mongo: [],
    workers: [],
    files: ['chunks', 'mongo'],
    peers: ['files', 'chunks', 'mongo', 'jobs'],
    upkeep: ['files', 'chunks', 'mongo'],
    jobs: ['mongo'],
    audio: ['files', 'chunks', 'mongo', 'jobs'],
    pulls: ['files', 'mongo', 'jobs', 'bodies'],
    /** Several interfaces share it. */
    'api/file-exchange': apiMayImport,
    'api/file': apiMayImport,
    'api/share': apiMayImport,
    'api/cluster': apiMayImport,
    'api/page': apiMayImport,
    'api/audio': [...apiMayImport, 'audio'],
    'api/subsonic': [...apiMayImport, 'audio'],
    'api/tracker': [...apiMayImport, 'pulls'],
  },
  'file-server': {
    decode: [],
    /** `Store` is all that these two know of the disk. */
    http: ['decode', 'store/store.ts'],
    link: ['decode', 'http', 'store/store.ts'],
    store: ['store/tree', 'store/journal', 'store/quarantine', 'store/disk'],
    /** The tree alone tells the journal how a copy is put, removed and moved. */
    'store/tree': ['store/journal', 'store/quarantine', 'store/disk', 'store/store.ts'],
    'store/journal': ['store/disk'],
    /** It has slots, as the tree does. */
    'store/quarantine': ['store/tree', 'store/disk'],
    'store/disk': [],
  },
  client: {
    cli: ['node'],
    node: [],
  },
  peer: {
    cli: ['commands'],
    control: ['commands'],
    commands: ['napster', 'shares', 'swarm', 'torrent'],
    napster: ['shares', 'swarm', 'torrent'],
    shares: ['swarm'],
    pull: ['swarm'],
    swarm: [],
    torrent: [],
  },
  launcher: {
    start: ['data', 'files', 'mongod', 'processes'],
    join: ['data'],
    redis: ['mongod'],
    mongod: ['files', 'processes'],
    processes: ['files'],
    data: ['files'],
    files: [],
  },
}

/** @returns one sentence a problem. */
export function findImportProblems(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => [
    ...(isBarrel(file) ? [`${file.path}: is a barrel; import from the file that defines the name`] : []),
    ...file.imports.flatMap((specifier) => {
      const problem = problemOf(file.path, specifier)
      return problem === null ? [] : [`${file.path}: imports ${specifier}: ${problem}`]
    }),
  ])
}

function isBarrel(file: SourceFile): boolean {
  return file.isBarrel || /(^|\/)index\.[cm]?[jt]sx?$/.test(file.path)
}

function problemOf(from: string, specifier: string): string | null {
  if (specifier.split('/').includes('dist')) return 'dist/ is built, not imported'
  if (specifier.startsWith('node:')) return isForBrowsers(from) ? 'browsers load this file' : null
  const target = resolve(from, specifier)
  if (target === null) return isForBrowsers(from) && specifier === 'pino' ? 'browsers load this file' : null
  if (isForBrowsers(from) && /^(shared|client)\/src\/(node|cli)\//.test(target)) return 'browsers load this file'
  return packageProblem(from, target) ?? folderProblem(from, target) ?? appProblem(from, target)
}

/** Browsers load the wire's contract and the SDK, so neither may need Node. */
function isForBrowsers(path: string): boolean {
  return /^shared\/src\/(?!node\/)/.test(path) || /^client\/src\/(?!node\/|cli\/)/.test(path)
}

/** @returns the path from the root, or null for a package of somebody else. */
function resolve(from: string, specifier: string): string | null {
  const own = /^@holdfast\/([^/]+)\/(.+)$/.exec(specifier)
  if (own !== null) return `${own[1]}/src/${own[2]}.ts`
  if (!specifier.startsWith('.')) return null
  const segments = from.split('/').slice(0, -1)
  for (const segment of specifier.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '.') segments.push(segment)
  }
  return segments.join('/')
}

const redisForTests = 'launcher/src/redis/start-redis.ts'

function packageProblem(from: string, target: string): string | null {
  const importer = from.split('/')[0] ?? ''
  const imported = target.split('/')[0] ?? ''
  if (importer === imported)
    return /^[^/]+\/test\//.test(target) && !isTest(from) ? 'sources do not import tests' : null
  const allowed = packageRules[importer]
  if (allowed === undefined) return null
  if (allowed.includes(imported)) return null
  // Tests share a mongod and start a Redis, test the checks' own rules, and check the deployment against the tables of settings.
  if (isTest(from) && (imported === 'test' || imported === 'scripts' || target === redisForTests)) return null
  if (importer === 'test' && /^[^/]+\/src\/config\.ts$/.test(target)) return null
  return `${importer} may import ${allowed.join(', ') || 'no other package'}`
}

function folderProblem(from: string, target: string): string | null {
  const [importer, imported] = [placeOf(from), placeOf(target)]
  if (importer === null || imported === null || importer.folder === imported.folder) return null
  const rules = folderRules[importer.workspace]
  if (rules === undefined || importer.workspace !== imported.workspace) return null
  const allowed = rules[importer.folder]
  if (allowed === undefined)
    return `the folder ${importer.folder} is not in the table of scripts/checks/import-rules.ts`
  if (allowed.includes(imported.folder) || allowed.includes(imported.path)) return null
  return `the folder ${importer.folder} may import ${allowed.join(', ') || 'no other folder'}`
}

function placeOf(file: string): { workspace: string; folder: string; path: string } | null {
  const [, workspace = '', path = '', folder = ''] =
    /^([^/]+)\/src\/(((?:api|store)\/[^/]+|[^/]+)\/.+)$/.exec(file) ?? []
  return folder === '' ? null : { workspace, folder, path }
}

function appProblem(from: string, target: string): string | null {
  if (isTest(from)) return null
  const app = /^([^/]+)\/src\/app\.ts$/.exec(target)?.[1]
  return app !== undefined && from !== `${app}/src/main.ts` ? 'only main.ts imports app.ts' : null
}

function isTest(path: string): boolean {
  return /^([^/]+\/)?test\//.test(path)
}
