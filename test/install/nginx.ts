import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '../cluster/wait-until.ts'

export interface NginxOptions {
  readonly port: number
  readonly managerPort: number
}

/** nginx runs with the configuration that docs/proxies.md shows, on the loopback and without TLS. */
export class Nginx implements AsyncDisposable {
  readonly #directory: string
  readonly #child: ChildProcess
  #log = ''

  private constructor(directory: string) {
    this.#directory = directory
    this.#child = spawn('nginx', ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }, // Debian keeps it there, where not every user's PATH looks
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
    this.#child.on('error', (error) => {
      this.#log += error.message
    })
  }

  static async start(options: NginxOptions): Promise<Nginx> {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-nginx-'))
    await writeFile(join(directory, 'nginx.conf'), await configuration(directory, options))
    const nginx = new Nginx(directory)
    try {
      await waitUntil('nginx passes requests on', async () => {
        const response = await fetch(`http://127.0.0.1:${options.port}/ready`).catch(() => null)
        return response?.status === 200 || nginx.#log
      })
      return nginx
    } catch (error) {
      await nginx[Symbol.asyncDispose]()
      throw error
    }
  }

  /** nginx logs its errors and warnings here. */
  get log(): string {
    return this.#log
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.pid !== undefined) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve))
      this.#child.kill('SIGTERM')
      await ended
    }
    await rm(this.#directory, { recursive: true, force: true })
  }
}

async function configuration(directory: string, { port, managerPort }: NginxOptions): Promise<string> {
  const chapter = await readFile(new URL('../../docs/proxies.md', import.meta.url), 'utf8')
  const shown = /```nginx\n(.*?)```/s.exec(chapter)?.[1] ?? ''
  const replacements: [string | RegExp, string][] = [
    ['127.0.0.1:8000', `127.0.0.1:${managerPort}`],
    ['listen 443 ssl', `listen 127.0.0.1:${port}`],
    [/ *ssl_.*\n/g, ''],
    ['/var/cache/nginx/holdfast', join(directory, 'cache')],
  ]
  const server = replacements.reduce((text, [what, by]) => text.replace(what, by), shown)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${directory};`,
  )
  // Without this line root's nginx would run its workers as somebody who may not read the directory.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `daemon off; pid ${directory}/pid; worker_processes 1; ${user}
events {}
http {
access_log off;
${temporary.join('\n')}
${server}}
`
}
