import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileServerSettings } from '@holdfast/file-server/config'
import { nodeFlags } from '@holdfast/launcher/processes/node-flags'
import { managerSettings } from '@holdfast/manager/config'
import { readSettings, type SettingsTable } from '@holdfast/shared/settings/settings'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

interface Service {
  readonly image: string
  readonly build?: { readonly context: string; readonly args: Readonly<Record<string, string>> }
  readonly pull_policy?: string
  readonly scale?: string
  readonly user?: string
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly env_file?: readonly { readonly path: string; readonly required: boolean }[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly tmpfs: readonly string[]
  readonly healthcheck: {
    readonly test: readonly string[]
    readonly interval: string
    readonly start_interval: string
    readonly start_period: string
    readonly retries: number
  }
  readonly logging: { readonly driver: string; readonly options: Readonly<Record<string, string>> }
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly security_opt: readonly string[]
  readonly restart: string
  readonly stop_grace_period: string
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: { mongo: Service; redis: Service; manager: Service; 'file-server': Service }
  volumes: Record<string, unknown>
}
const { mongo, redis, manager, 'file-server': fileServer } = compose.services
const dockerfile = read('Dockerfile')

describe('docker-compose.yml', () => {
  test('runs MongoDB 8 as a replica set that its health check makes', () => {
    expect(mongo.image).toMatch(/^mongo:8\./)
    expect(mongo.command).toEqual(expect.arrayContaining(['--replSet', 'rs0', 'transactionLifetimeLimitSeconds=5']))
    expect(mongo.healthcheck.test.join(' ')).toContain("rs.initiate({ _id: 'rs0'")
    expect(manager.environment?.MONGO_URL).toContain('replicaSet=rs0')
    expect(manager.depends_on?.mongo?.condition).toBe('service_healthy')
  })

  test('publishes the manager on the loopback of the host, and nothing else', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? [])
    const published = `127.0.0.1:8000:${manager.environment?.PORT}`
    const seed = `127.0.0.1:8001:${manager.environment?.SEED_PORT}`
    expect(ports).toEqual([published, `${published}/udp`, seed])
  })

  test('runs Node as `npm start` does', () => {
    expect(manager.command).toEqual(['node', ...nodeFlags.manager, 'manager/bundle/main.js'])
    expect(fileServer.command).toEqual(['node', ...nodeFlags.fileServer, 'file-server/bundle/main.js'])
  })

  test('builds the image once, and asks no registry for it', () => {
    expect(manager.build).toMatchObject({ context: '.' })
    expect(fileServer).not.toHaveProperty('build')
    for (const { image, pull_policy } of [manager, fileServer])
      expect({ image, pull_policy }).toEqual({ image: 'holdfast', pull_policy: 'never' })
  })

  test('has ffmpeg in the image where .env asks for it', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose puts the word in
    expect(manager.build?.args).toEqual({ FFMPEG: '${FFMPEG:-false}' })
    expect(dockerfile).toMatch(/^ARG FFMPEG=false\nRUN if \[ "\$FFMPEG" = true \]/m)
  })

  test('keeps jobs in a Redis that drops none of them, and starts the manager when it answers', () => {
    expect(manager.environment?.REDIS_URL).toBe('redis://redis:6379')
    expect(manager.depends_on?.redis?.condition).toBe('service_healthy')
    expect(redis.command.join(' ')).toContain('--maxmemory-policy noeviction')
    expect(redis).not.toHaveProperty('ports')
  })

  test('asks for health often during the start, and seldom afterwards', () => {
    for (const { healthcheck } of Object.values(compose.services)) {
      expect(healthcheck).toMatchObject({ start_interval: '1s', retries: 3 })
      expect(Number.parseInt(healthcheck.interval, 10)).toBeGreaterThanOrEqual(30)
      expect(Number.parseInt(healthcheck.start_period, 10)).toBeGreaterThanOrEqual(30)
    }
    // mongosh takes a second of CPU, so it must not run often.
    expect(mongo.healthcheck).toMatchObject({ interval: '60s', start_period: '60s' })
  })

  test('gives no service a right, a writable image or a log that grows for ever', () => {
    for (const service of Object.values(compose.services)) {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
      expect(service.logging).toEqual({ driver: 'local', options: { 'max-size': '10m', 'max-file': '5' } })
      expect(service.tmpfs).toContain('/tmp')
      expect(service).not.toHaveProperty('cap_add')
    }
    // As root its entrypoint would need capabilities to become mongodb. The image asks for a volume in /data/configdb.
    expect(mongo.user).toBe('mongodb')
    expect(mongo.tmpfs).toContain('/data/configdb')
  })

  test('restarts every service, checks its health, and gives it time to end', () => {
    for (const service of Object.values(compose.services)) {
      expect(service.restart).toBe('unless-stopped')
      expect(service.healthcheck.test[0]).toBe('CMD')
      expect(Number.parseInt(service.stop_grace_period, 10)).toBeGreaterThan(20)
    }
  })

  test.each<[string, Service, SettingsTable]>([
    ['manager', manager, managerSettings],
    ['file-server', fileServer, fileServerSettings],
  ])('gives the %s settings that it knows, and all that it requires', (_, { environment = {} }, table) => {
    const { UV_THREADPOOL_SIZE, ...settings } = environment
    expect(UV_THREADPOOL_SIZE).toBe('16')
    const known = Object.values(table).map((setting) => setting.env)
    expect(known).toEqual(expect.arrayContaining(Object.keys(settings)))
    const defaults = Object.entries(settings).map(([name, value]) => [name, value.replace(/^\$\{\w+:-(.*)\}$/, '$1')])
    const given = { ...Object.fromEntries(defaults), CLUSTER_SECRET: 'sixteen characters' }
    expect(readSettings(table, given)).toMatchObject({ clusterSecret: 'sixteen characters' })
  })

  test('hands settings that stand in .env on to manager and file-servers, whether there is one or not', () => {
    for (const service of [manager, fileServer]) expect(service.env_file).toEqual([{ path: '.env', required: false }])
  })

  test('has no secret in it and does not start without one', () => {
    for (const { environment } of [manager, fileServer])
      expect(environment?.CLUSTER_SECRET).toMatch(/^\$\{CLUSTER_SECRET:\?/)
  })

  test('lets file-servers be scaled: a number that lasts, no fixed name or port, one volume that the image owns', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose puts the number in
    expect(fileServer.scale).toBe('${FILE_SERVERS:-3}')
    expect(fileServer).not.toHaveProperty('container_name')
    expect(fileServer).not.toHaveProperty('ports')
    expect(fileServer.volumes).toEqual(['file-server-data:/data'])
    expect(fileServer.environment).toMatchObject({ DATA_ROOT: '/data', MANAGERS: manager.environment?.MANAGER_URL })
    expect(dockerfile).toMatch(/install -d -o node -g node \/data \/torrents/)
    expect(manager.volumes).toEqual([`torrents:${manager.environment?.TORRENT_DIR}`])
    expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(['file-server-data', 'mongo-data']))
  })

  test('tells all file-servers of one machine the same zone, which .env may name', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose puts the zone in
    expect(fileServer.environment?.ZONE).toBe('${ZONE:-one-machine}')
  })

  test("checks a manager's health by whether it is ready", async () => {
    let status = 200
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/ready' ? status : 404
      response.end()
    }).listen(0, '127.0.0.1')
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const script = manager.healthcheck.test[3]?.replace('8000', String((server.address() as AddressInfo).port)) ?? ''
      expect(await exitCodeOf(script)).toBe(0)
      status = 503
      expect(await exitCodeOf(script)).toBe(1)
    } finally {
      server.close()
    }
  })

  test.runIf(process.platform === 'linux')("checks a file-server's health by its lock's socket", async () => {
    const socket = join(tmpdir(), `lock-deployment-${process.pid}`)
    const script = fileServer.healthcheck.test[3] ?? ''
    const pattern = /\/(.+)\/\.test/.exec(script)?.[1] ?? ''
    const server = createServer().listen(socket)
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const line = readFileSync('/proc/net/unix', 'utf8')
        .split('\n')
        .find((candidate) => candidate.endsWith(socket))
      expect(line).toMatch(new RegExp(pattern))
      expect(line?.replace(' 00010000 ', ' 00000000 ')).not.toMatch(new RegExp(pattern))
      expect(await exitCodeOf(script)).toBe(0)
    } finally {
      server.close()
    }
  })
})

test('the secret is written for its owner alone, wherever it is told how', () => {
  for (const path of ['README.md', 'docker-compose.yml', 'docs/operations.md', '.env.example']) {
    for (const line of read(path)
      .split('\n')
      .filter((candidate) => /> ?\.env\b/.test(candidate)))
      expect(line).toMatch(/\(umask 077; .*> \.env\)/)
  }
})

describe('Dockerfile', () => {
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] }
  const needed = ['shared', 'manager', 'file-server', 'peer']
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))

  test('knows every workspace of the lock file, and builds the sources of what runs', () => {
    for (const workspace of workspaces) expect(dockerfile).toContain(`\nCOPY ${workspace}/package.json ${workspace}/\n`)
    const sources = [...dockerfile.matchAll(/^COPY (\S+)\/src /gm)].map(([, workspace]) => workspace)
    expect(sources).toEqual([...needed, 'web'])
    const built = [...needed, 'web'].map((name) => `--workspace ${name}`).join(' ')
    expect(dockerfile).toContain(`\nRUN npm ci --no-audit ${built}\n`)
    expect(dockerfile).toContain('&& node web/build.mjs ')
    // The page is built of all that stands there, its tsconfig.json too.
    const copied = [...dockerfile.matchAll(/^COPY (web\/.*) web\/$/gm)].flatMap(([, paths = '']) => paths.split(' '))
    const patterns = copied.map((path) => new RegExp(`^${path.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`))
    const files = readdirSync(new URL('../../web', import.meta.url), { withFileTypes: true })
    for (const { name } of files.filter((entry) => entry.isFile()))
      expect([name, patterns.some((pattern) => pattern.test(`web/${name}`))]).toEqual([name, true])
    expect(dockerfile).toMatch(/^RUN npx tsc -b manager file-server peer/m)
    expect(dockerfile).toContain('\nCOPY scripts/bundle.mjs scripts/bundles.mjs scripts/\n')
    expect(dockerfile).toContain('&& node scripts/bundle.mjs manager file-server peer ')
  })

  test('carries only what manager and file-server need', () => {
    for (const workspace of needed) {
      const { dependencies = {} } = JSON.parse(read(`${workspace}/package.json`)) as { dependencies?: object }
      const own = Object.keys(dependencies).filter((name) => name.startsWith('@holdfast/'))
      expect(needed).toEqual(expect.arrayContaining(own.map((name) => name.replace('@holdfast/', ''))))
    }
    expect(dockerfile).toContain(
      `npm ci --no-audit --omit=dev ${needed.map((name) => `--workspace ${name}`).join(' ')} `,
    )
    expect(dockerfile).toContain('rm -rf */src */tsconfig.*')
    const copied = [...last.matchAll(/^COPY --from=build \/app\/(\S+) (\S+)$/gm)].map(([, from, to]) => [from, to])
    expect(copied).toEqual(['node_modules', ...needed, 'web/dist'].map((name) => [name, name]))
  })

  test('runs as a user that is not root', () => {
    expect(last).toMatch(/\nUSER node\n/)
  })

  test('builds with a Node that the project supports', () => {
    const versions = [...dockerfile.matchAll(/^FROM node:(\d+)-/gm)].map((match) => Number(match[1]))
    expect(versions).toHaveLength(2)
    for (const version of versions) expect(version).toBeGreaterThanOrEqual(20)
  })

  test('leaves out secrets, data and what is built here', () => {
    const ignored = read('.dockerignore').split('\n')
    expect(ignored).toEqual(expect.arrayContaining(['**/node_modules', '**/dist', '**/bundle', '.env', 'data', '.git']))
  })
})

/** It is asynchronous because a server in this process has to answer meanwhile. */
async function exitCodeOf(script: string): Promise<number | null> {
  const child = spawn(process.execPath, ['-e', script], { timeout: 10_000 })
  return new Promise((resolve) => child.on('close', resolve))
}
