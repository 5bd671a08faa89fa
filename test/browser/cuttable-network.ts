import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** Stands between the browser and a manager, so that what is between them can be cut, and slow. */
export class CuttableNetwork implements AsyncDisposable {
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((socket) => this.#pass(socket))
  readonly #target: () => URL
  #isCut = false
  #onAnswer: (() => void) | null = null
  /** Bytes a second from the browser to the manager. */
  uploadRate = Number.POSITIVE_INFINITY

  constructor(target: () => URL) {
    this.#target = target
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Cuts it when the manager next answers, so that what it has done is not heard of. */
  async cutAtAnswer(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onAnswer = resolve
    })
  }

  mend(): void {
    this.#isCut = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #pass(browser: Socket): void {
    if (this.#isCut) {
      browser.resetAndDestroy()
      return
    }
    const { hostname, port } = this.#target()
    const manager = connect({ host: hostname, port: Number(port) })
    for (const socket of [browser, manager]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        browser.destroy()
        manager.destroy()
      })
    }
    browser.pipe(this.#slowed()).pipe(manager)
    // It comes before the pipe, and what it destroys takes no more.
    manager.on('data', () => {
      if (this.#onAnswer === null) return
      this.cut()
      this.#onAnswer()
      this.#onAnswer = null
    })
    manager.pipe(browser)
  }

  #slowed(): Transform {
    return new Transform({
      transform: (bytes: Buffer, _encoding, done) => {
        const ms = (bytes.length * 1_000) / this.uploadRate
        if (ms < 1) done(null, bytes)
        else void delay(ms).then(() => done(null, bytes))
      },
    })
  }
}
