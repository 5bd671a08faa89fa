import { inject } from 'vitest'
import { ChaosProxy } from '../chaos-proxy.ts'
import { FaultCluster } from './fault-cluster.ts'

/** The command begins like this on the wire: it is an OP_MSG whose first element is `insert: "files"`. */
export const insertOfFiles = Buffer.from('\x02insert\0\x06\0\0\0files\0', 'latin1')

/** Starts a cluster whose manager reaches MongoDB through a bad network. */
export async function startBehindProxy() {
  const direct = new URL(inject('mongoUrl'))
  const proxy = await ChaosProxy.start({ host: direct.hostname, port: Number(direct.port) })
  const mongoUrl = `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`
  const faults = await FaultCluster.start({ managers: 1, fileServers: 2, mongoUrl })
  return {
    faults,
    proxy,
    [Symbol.asyncDispose]: async () => {
      await faults[Symbol.asyncDispose]()
      await proxy[Symbol.asyncDispose]()
    },
  }
}
