import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { testInFull } from '../../../test/full-run.ts'
import { ConnectionDealer, type Taker } from '../../src/workers/connection-dealer.ts'

const toClose: (() => void)[] = []

afterEach(() => {
  for (const close of toClose.splice(0)) close()
})

class RecordedTaker implements Taker {
  readonly given: Socket[] = []
  readonly numbers: number[] = []
  readonly asked: number[] = []
  give(connection: Socket, number: number): void {
    this.given.push(connection)
    this.numbers.push(number)
  }
  ask(number: number): void {
    this.asked.push(number)
  }
  get lastNumber(): number {
    return this.numbers.at(-1) ?? 0
  }
}

/** Makes a dealer with real connections, and clients that note their end. */
async function startDealer() {
  const dealer = new ConnectionDealer()
  const server: Server = createServer({ pauseOnConnect: true }, (connection) => dealer.deal(connection))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  toClose.push(() => server.close())
  const { port } = server.address() as AddressInfo
  const dial = async () => {
    const socket = connect({ port, host: '127.0.0.1' })
    toClose.push(() => socket.destroy())
    const client = { socket, isEnded: false }
    socket.on('end', () => {
      client.isEnded = true
    })
    socket.on('error', () => undefined)
    socket.resume()
    await once(socket, 'connect')
    return client
  }
  return { dealer, dial }
}

test('deals in turn, one connection at a time to each worker until it has taken it', async () => {
  const { dealer, dial } = await startDealer()
  const [quick, stuck] = [new RecordedTaker(), new RecordedTaker()]
  dealer.add(quick)
  dealer.add(stuck)
  for (let count = 0; count < 5; count += 1) await dial()
  await vi.waitFor(() => expect([quick.given.length, stuck.given.length]).toEqual([1, 1]))
  for (let count = 2; count <= 4; count += 1) {
    dealer.took(quick, quick.lastNumber)
    await vi.waitFor(() => expect(quick.given).toHaveLength(count))
  }
  expect(stuck.given).toHaveLength(1)
})

test('keeps connections for the worker that comes', async () => {
  const { dealer, dial } = await startDealer()
  const client = await dial()
  const late = new RecordedTaker()
  dealer.add(late)
  await vi.waitFor(() => expect(late.given).toHaveLength(1))
  expect(client.isEnded).toBe(false)
})

test('closes the connection that a dying worker was given, and gives it no more', async () => {
  const { dealer, dial } = await startDealer()
  const [dying, other] = [new RecordedTaker(), new RecordedTaker()]
  dealer.add(dying)
  const lost = await dial()
  await vi.waitFor(() => expect(dying.given).toHaveLength(1))
  dealer.remove(dying)
  await vi.waitFor(() => expect(lost.isEnded).toBe(true))
  // An answer that comes too late changes nothing.
  dealer.took(dying, dying.lastNumber)
  dealer.add(other)
  const next = await dial()
  await vi.waitFor(() => expect(other.given).toHaveLength(1))
  expect([dying.given.length, next.isEnded]).toEqual([1, false])
})

testInFull('closes a connection that no worker takes in time', async () => {
  const { dealer, dial } = await startDealer()
  const frozen = new RecordedTaker()
  dealer.add(frozen)
  const clients = [await dial(), await dial()]
  await vi.waitFor(() => expect(clients.map(({ isEnded }) => isEnded)).toEqual([true, true]))
})

test('leaves out connections whose client has gone meanwhile', async () => {
  const { dealer, dial } = await startDealer()
  const gone = await dial()
  gone.socket.resetAndDestroy()
  const there = await dial()
  const taker = new RecordedTaker()
  dealer.add(taker)
  await vi.waitFor(() => {
    dealer.took(taker, taker.lastNumber)
    expect(taker.given.at(-1)?.remotePort).toBe(there.socket.localPort)
  })
})

test('closes what waits when it is closed', async () => {
  const { dealer, dial } = await startDealer()
  const client = await dial()
  await vi.waitFor(() => {
    dealer.close()
    expect(client.isEnded).toBe(true)
  })
})

test('a connection that is lost on its way to a worker holds the worker up for five seconds, not for ever', async () => {
  const { dealer, dial } = await startDealer()
  const worker = new RecordedTaker()
  dealer.add(worker)
  const lost = await dial()
  await vi.waitFor(() => expect([worker.numbers.length, worker.asked]).toEqual([1, worker.numbers]))
  await vi.waitFor(() => expect(lost.isEnded).toBe(true))
  dealer.took(worker, worker.lastNumber)
  const next = await dial()
  await vi.waitFor(() => expect(worker.given).toHaveLength(2))
  expect(next.isEnded).toBe(false)
})

test('an answer that comes twice does not free the worker from the connection that it was given next', async () => {
  const { dealer, dial } = await startDealer()
  const worker = new RecordedTaker()
  dealer.add(worker)
  for (let count = 0; count < 3; count += 1) await dial()
  await vi.waitFor(() => expect(worker.given).toHaveLength(1))
  const first = worker.lastNumber
  dealer.took(worker, first)
  await vi.waitFor(() => expect(worker.given).toHaveLength(2))
  dealer.took(worker, first)
  expect([worker.given.length, worker.given[1]?.destroyed]).toEqual([2, false])
  dealer.took(worker, worker.lastNumber)
  expect(worker.given).toHaveLength(3)
})

test('what a stopping worker has not taken goes to another', async () => {
  const { dealer, dial } = await startDealer()
  const [stopping, other] = [new RecordedTaker(), new RecordedTaker()]
  dealer.add(stopping)
  const client = await dial()
  await vi.waitFor(() => expect(stopping.given).toHaveLength(1))
  dealer.add(other)
  dealer.retire(stopping)
  expect([other.given[0] === stopping.given[0], client.isEnded]).toEqual([true, false])
  dealer.took(other, other.lastNumber)
  await dial()
  await vi.waitFor(() => expect(other.given).toHaveLength(2))
  expect(stopping.given).toHaveLength(1)
})
