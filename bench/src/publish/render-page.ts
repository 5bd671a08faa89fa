import type { BenchResult, Cell } from '../result.ts'
import {
  renderAsks,
  renderCosts,
  renderFills,
  renderHeals,
  renderQueues,
  renderRates,
  renderSwarms,
} from './render-tables.ts'
import { renderAnnounces, renderSearches } from './render-trackers.ts'

/** Makes docs/performance.md of one run. */
export function renderPage(result: BenchResult): string {
  const { machine, cells, fills, heals, swarms, asks, queues, announces, searches } = result
  const rates = (...names: string[]) => renderRates(cells.filter(({ section }) => names.includes(section)))
  const sideBySide = ['small', 'large', 'mixed', 'delete']
  const sections = [
    renderSection('Side by side', sideBySideText, rates(...sideBySide)),
    renderSection('Two replicas', replicatedText, rates('replicated')),
    renderSection('A lost file-server', healText, renderHeals(heals)),
    renderSection('A swarm', swarmText, renderSwarms(swarms)),
    renderSection(
      'More file-servers',
      'The same load on systems of their own, all on this one machine.',
      rates('servers'),
    ),
    renderSection('More files', growthText, [rates('growth'), renderFills(fills)].filter(isText).join('\n\n')),
    renderSection('Announces', announcesText, renderAnnounces(announces)),
    renderSection('Songs by their words', searchesText, renderSearches(searches)),
    renderSection('A large library of audio', audioText, renderAsks(asks)),
    renderSection('Jobs', jobsText, renderQueues(queues)),
    renderSection('What it costs', costsText, renderCosts(cells as readonly Cell[])),
  ].filter(isText)
  return `# Performance

![Rates side by side](performance.svg)

Measured with \`npm run bench -- ${result.mode === 'long' ? '--long ' : ''}${result.hasImage ? '--image ' : ''}--publish\`, which writes this page. Numbers of another
machine differ; ratios within one run say more than rates.

| | |
|---|---|
| date | ${result.at.slice(0, 10)} |
| commit | ${result.commit} |
| processor | ${machine.processor}, ${machine.cores} cores, shared by all processes and the load |
| memory | ${Math.round(machine.memoryBytes / 1024 ** 3)} GiB |
| system | ${machine.system}, Node ${machine.node} |
| disk | ${machine.disk} |
| took | ${Math.round(result.seconds)} s |

${result.hasImage ? `${imageText}\n\n` : ''}${sections.join('\n\n')}
`
}

const imageText = `The file has all its room from the beginning and is written without the cache of the disk below it. A sync in it is still dearer than on
that disk, and dearest for whoever syncs every file by itself: the ratios to the bare server are better than on that disk. Measured apart, one writer,
4 KiB written, fsynced, renamed, directory fsynced: 0.30-0.39 ms on a disk without a journal, 0.79-1.01 on an image with one on it; it was 1.18-1.26 on
one whose room was taken as it was needed. Small uploads on a
disk without a journal: [measured apart](decisions/0006-journal.md).`

const sideBySideText = `All in one run, in interleaved rounds, on one machine and disk, under the same load generator: bare keep-alive sockets in a
process of its own that checks every answer and every byte. Rates, p50 and p99 are medians of the rounds; "first row is" tells how
many times as fast as this system the first one is. Uploads are JSON with base64, as \`POST /file\` takes them.

- **holdfast**: as \`npm start\` runs it, three file-servers; every answer waits until bytes and record are durable.
- **gridfs**: the same API on GridFS behind Koa, on the same MongoDB, majority and journaled.
- **node**: a bare Node server with default settings that decodes the same JSON, writes, fsyncs, renames, and fsyncs the directory.`

const replicatedText = `Files go up as they are, by \`PUT /file/:name\`, and come down by \`GET\`. All in one run, in interleaved rounds, with the same three file-servers.

- **replicated**: class \`replicated\`: chunks of up to 4 MiB, each durable on two file-servers before the answer.
- **single**: class \`single\`: the same files, whole, on one file-server.
- **node**: the bare Node server, which keeps one copy.`

const healText = `One of several file-servers holds so much of class \`replicated\` and stops answering for good; \`UPKEEP_BYTES_PER_SECOND\` is set so high that it
bounds nothing. The time is that from the first new copy on another file-server to the last; every copy is read again and its digest compared before it counts.
Before that lies \`FILE_SERVER_GRACE_MS\`. At the end \`GET /upkeep\` tells that every chunk has two replicas, and the disks have them.`

const swarmText = `Clients of BitTorrent load the same file in turn, in interleaved rounds, each from its start until it says that it has the whole; its SHA-256 is compared
then. Medians; the peak is the highest of the rounds. The seeds and the tracker are the same for all: every seed is an aria2c of its own, which takes little of the processor
that all share. They run on this machine and speak TCP.

- **holdfast**: \`holdfast peer cfg.json\`, into which \`download\` is typed. Alone of the three it has synced the file when it says so, and can go on after a crash without hashing.
- **webtorrent**: the package by itself, as it comes, in the version that the peer runs on; without uTP, which aria2c does not speak.
- **aria2c**: with \`--file-allocation=none\`, written in C++.`

const growthText = `Systems of their own, measured in turn. Downloads take from all files of a system, neighbours far apart. A system that is
smaller than what warming up makes begins anew after that, and what is uploaded to it is deleted again after each turn.`

const announcesText = `Holdfast's tracker (\`TRACKER_OPEN=true\`) and the server of bittorrent-tracker, which keeps everything in memory, each in one process, in interleaved rounds
under the same load: each client has an address of its own, one announce under way, and asks for 50 peers. HTTP connections are kept. A *known* peer has announced in that swarm before,
and nothing is written for it; a *new* one is written to MongoDB a moment later, in groups.

\`announces/s\` is by the clock, with the load and mongod on the same cores. *Per second of CPU* counts the processor time of the tracker's own process, all its threads, and
not mongod's, which is given beside it, for each announce: it is what one core answers. "First row is" compares those. Memory is the tracker process's.`

const searchesText = `\`GET /search\` over HTTP, each client one search after the other. Words are as common as in natural language, some recordings are at many users, and all users are online.`

const audioText = `The records of 100,000 tracks are in MongoDB, with waveforms; some 3,000 artists, 9,000 albums, 33 genres and 4,000 words, of which few are frequent. One
client asks \`GET /list\` for 100 tracks at a time, and as a player would; nothing else goes on. Each question is asked a hundred times, where it has \`…\` with other values.`

const jobsText = `Jobs that do nothing, added 32 at a time and then done. Each worker has a connection of its own, as each manager process has, and does one at a time.
In MongoDB every step is durable on a majority; this Redis keeps nothing on its disk.`

const costsText = `CPU for each operation, and the highest resident memory of all processes of a role together, from \`/proc\`, over the measured
rounds. The CPU is more reliable than a rate where a machine is busy with something else.`

function renderSection(title: string, text: string, table: string): string {
  return table === '' ? '' : `## ${title}\n\n${text}\n\n${table}`
}

function isText(text: string): boolean {
  return text !== ''
}
