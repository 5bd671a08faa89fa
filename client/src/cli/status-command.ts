import type { ActiveNode } from '../answers.ts'
import type { Console } from './console.ts'
import { formatAge, formatBytes, formatTable } from './format.ts'

const header = ['ID', 'NAME', 'STATE', 'FILES', 'BYTES', 'FREE', 'LAST PING']
const numericColumns = [3, 4, 5]

export async function status(console: Console): Promise<void> {
  const nodes = await console.client.activeNodes({ signal: console.signal })
  console.stdout.write(`${console.isJson ? JSON.stringify(nodes) : renderNodes(nodes, Date.now())}\n`)
}

function renderNodes(nodes: readonly ActiveNode[], nowMs: number): string {
  if (nodes.length === 0) return 'No file-server is active.'
  const rows = nodes.map((node) => [
    node.id,
    node.name,
    node.state,
    String(node.files),
    formatBytes(node.bytes),
    formatBytes(node.freeBytes),
    formatAge(node.lastPingAt, nowMs),
  ])
  return formatTable(header, rows, numericColumns)
}
