import { useEffect, useState } from 'preact/hooks'
import type { FileServer, Loop, Upkeep } from '../api/answers.ts'
import { messageOf, requestJson } from '../api/request.ts'
import { countText, dateText, sizeText, spanText } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { useNow } from '../ui/now.ts'
import { useNotices } from '../ui/toasts.tsx'
import { Bar } from '../uploads/upload-panel.tsx'
import { type ShownServer, serversOf } from './known-servers.ts'

const REFRESH_MS = 2_000

interface Cluster {
  readonly servers: readonly ShownServer[]
  readonly upkeep: Upkeep | null
}

export function ClusterView() {
  const { cluster, problem } = useCluster()
  if (cluster === null)
    return <section aria-label="Cluster">{problem === null ? <Skeleton /> : <Problem text={problem} />}</section>
  const { servers, upkeep } = cluster
  return (
    <section aria-label="Cluster">
      {problem !== null && <Problem text={problem} />}
      <Figures servers={servers} />
      {upkeep?.chunks && <Chunks chunks={upkeep.chunks} />}
      <Servers servers={servers} />
      {upkeep !== null && <Loops loops={upkeep.loops} />}
    </section>
  )
}

/** Asks again and again while the page is seen. */
function useCluster() {
  const { announce } = useNotices()
  const [cluster, setCluster] = useState<Cluster | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  useEffect(() => {
    const stop = new AbortController()
    const { signal } = stop
    let timer = 0
    let servers: readonly ShownServer[] = []
    const look = async (): Promise<void> => {
      try {
        const [heard, upkeep] = await Promise.all([
          requestJson<FileServer[]>('/active-nodes', { signal }),
          requestJson<Upkeep | null>('/upkeep', { signal }),
        ])
        const next = serversOf(heard, upkeep, servers)
        for (const server of next)
          if (server.kind !== 'heard' && servers.some(({ id, kind }) => id === server.id && kind === 'heard'))
            announce(`File-server ${server.name} is not heard from`)
        servers = next
        setCluster({ servers, upkeep })
        setProblem(null)
      } catch (error) {
        if (!signal.aborted) setProblem(messageOf(error))
      }
      if (!signal.aborted) timer = window.setTimeout(lookIfSeen, REFRESH_MS)
    }
    const lookIfSeen = () => {
      clearTimeout(timer)
      if (document.visibilityState === 'visible') look()
    }
    document.addEventListener('visibilitychange', lookIfSeen)
    look()
    return () => {
      stop.abort()
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', lookIfSeen)
    }
  }, [])
  return { cluster, problem }
}

function Problem({ text }: { text: string }) {
  return (
    <p class="banner bad" role="alert">
      <Icon name="warning" />
      <span>{text}. Trying again…</span>
    </p>
  )
}

function Figures({ servers }: { servers: readonly ShownServer[] }) {
  const heard = servers.filter((server) => server.kind === 'heard')
  const sum = (value: (server: FileServer) => number) => heard.reduce((total, server) => total + value(server), 0)
  const figures = [
    [
      'File-servers',
      `${heard.length} of ${servers.length}`,
      heard.length === servers.length ? 'all heard from' : 'heard from',
    ],
    ['Copies', countText(sum(({ files }) => files)), 'of chunks, on all disks'],
    ['Stored', sizeText(sum(({ bytes }) => bytes)), 'every copy counted'],
    ['Free', sizeText(sum(({ freeBytes }) => freeBytes)), 'for more of them'],
  ] as const
  return (
    <dl class="figures">
      {figures.map(([name, value, note]) => (
        <div key={name} class="card">
          <dt>{name}</dt>
          <dd>{value}</dd>
          <dd class="note">{note}</dd>
        </div>
      ))}
    </dl>
  )
}

function Chunks({ chunks: { total, byReplicas, countedAt } }: { chunks: NonNullable<Upkeep['chunks']> }) {
  const groups = Object.entries(byReplicas)
    .map(([replicas, count]) => ({ replicas: Number(replicas), count }))
    .sort((a, b) => b.replicas - a.replicas)
  const full = groups[0]?.replicas ?? 2
  const toneOf = (replicas: number) => (replicas === 0 ? 'bad' : replicas < full ? 'warn' : 'good')
  return (
    <section class="card chunks" aria-labelledby="chunks-title">
      <header>
        <h2 id="chunks-title">Chunks by replicas</h2>
        <p class="note">
          {countText(total)} in all · {dateText(countedAt)}
        </p>
      </header>
      <div class="stack" aria-hidden="true">
        {groups.map(({ replicas, count }) =>
          count > 0 ? <div key={replicas} class={toneOf(replicas)} style={{ flexGrow: count }} /> : null,
        )}
      </div>
      <ul class="legend">
        {groups.map(({ replicas, count }) => (
          <li key={replicas} class={count > 0 ? toneOf(replicas) : 'none'}>
            <b>{countText(count)}</b>{' '}
            {replicas === 0 ? 'without a replica' : `with ${replicas} replica${replicas === 1 ? '' : 's'}`}
          </li>
        ))}
      </ul>
    </section>
  )
}

const states: Readonly<Record<FileServer['state'] | 'silent' | 'lost', readonly [tone: string, text: string]>> = {
  active: ['good', 'Active'],
  counting: ['warn', 'Counting'],
  full: ['warn', 'Full'],
  silent: ['bad', 'Not heard from'],
  lost: ['bad', 'Lost'],
}

function Servers({ servers }: { servers: readonly ShownServer[] }) {
  const now = useNow()
  return (
    <section class="card servers" aria-labelledby="servers-title">
      <header>
        <h2 id="servers-title">File-servers</h2>
      </header>
      {servers.length === 0 && <p class="note">None has joined yet.</p>}
      <ul>
        {servers.map((server) => {
          const [tone, text] = states[server.kind === 'heard' ? server.state : server.kind]
          const heardAt = server.kind === 'heard' ? server.lastPingAt : server.heardAt
          const ago = heardAt === null ? null : Math.max(0, (now - Date.parse(heardAt)) / 1_000)
          return (
            <li key={server.id} class={server.kind}>
              <div class="who">
                <Icon name="server" />
                <span class="name">{server.name}</span>
                {server.zone !== undefined && <span class="chip quiet">Zone {server.zone}</span>}
                <span class={`state ${tone}`}>{text}</span>
              </div>
              <Space server={server} />
              <p class="note">{ago === null ? '' : ago < 2 ? 'Heard just now' : `Heard ${spanText(ago)} ago`}</p>
            </li>
          )
        })}
      </ul>
    </section>
  )
}

/** Shows of a disk what Holdfast has of it, what others have, and what is free. */
function Space({ server }: { server: ShownServer }) {
  if (server.kind !== 'heard') return <div class="space away" />
  const { bytes, freeBytes, totalBytes, files } = server
  const others = Math.max(0, totalBytes - freeBytes - bytes)
  const text = `${countText(files)} ${files === 1 ? 'copy' : 'copies'}, ${sizeText(bytes)} · ${sizeText(freeBytes)} of ${sizeText(totalBytes)} free`
  return (
    <div class="spacebox">
      <div class="space" aria-hidden="true">
        <div class="own" style={{ flexGrow: bytes }} />
        <div class="others" style={{ flexGrow: others }} />
        <div class="free" style={{ flexGrow: freeBytes }} />
      </div>
      <p class="note">{text}</p>
    </div>
  )
}

const loopTexts: Readonly<Record<string, readonly [name: string, does: string]>> = {
  replicate: ['Heal', 'makes up for replicas that are lost or damaged'],
  rebalance: ['Rebalance', 'evens out files between file-servers'],
  reconcile: ['Compare', 'compares what is on disks with what is recorded'],
  'collect-garbage': ['Collect garbage', 'removes the bytes of deleted files'],
  'end-expired': ['Expire', 'ends files whose time is over'],
  'count-chunks': ['Count', 'counts chunks by their replicas'],
}
const loopStates = { resting: ['none', 'Resting'], working: ['good', 'Working'], stuck: ['bad', 'Stuck'] } as const

function Loops({ loops }: { loops: readonly Loop[] }) {
  return (
    <section class="card loops" aria-labelledby="loops-title">
      <header>
        <h2 id="loops-title">Upkeep</h2>
      </header>
      <ul>
        {loops.map((loop) => (
          <LoopLine key={loop.name} loop={loop} />
        ))}
      </ul>
    </section>
  )
}

function LoopLine({ loop }: { loop: Loop }) {
  const { name, state, detail, done, remaining, bytesPerSecond, secondsLeft, lastRunAt, lastError } = loop
  const [title, does] = loopTexts[name] ?? [name, '']
  const [tone, text] = loopStates[state]
  const isOn = remaining !== null && remaining > 0
  const facts = [
    isOn ? `${countText(done)} done, ${countText(remaining)} to go` : '',
    bytesPerSecond ? `${sizeText(bytesPerSecond)}/s` : '',
    secondsLeft !== null && isOn ? `${spanText(secondsLeft)} left` : '',
    !isOn && lastRunAt !== null ? `Ran ${dateText(lastRunAt)}` : '',
  ].filter((fact) => fact !== '')
  return (
    <li>
      <div class="who">
        <span class="name">{title}</span>
        <span class="note does">{does}</span>
        <span class={`state ${tone}`}>{text}</span>
      </div>
      {isOn && <Bar label={title} value={done} max={done + remaining} />}
      <p class="note">{facts.join(' · ')}</p>
      {detail !== undefined && <p class="problem">{detail}</p>}
      {lastError !== undefined && <p class="problem">Last error: {lastError}</p>}
    </li>
  )
}

function Skeleton() {
  return (
    <div class="figures" aria-hidden="true">
      {[0, 1, 2, 3].map((index) => (
        <div key={index} class="card">
          <span class="bone short" />
          <span class="bone" />
        </div>
      ))}
    </div>
  )
}
