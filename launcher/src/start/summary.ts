export interface RunningSystem {
  readonly managerUrl: string
  readonly mongoUrl: string
  readonly processes: readonly { readonly name: string; readonly pid: number | null; readonly where: string }[]
  readonly dataDirectory: string
  readonly logsDirectory: string
}

/** Tells what runs where, in lines that work when they are pasted. */
export function renderSummary({ managerUrl, processes, dataDirectory, logsDirectory }: RunningSystem): string {
  const nameWidth = Math.max(...processes.map(({ name }) => name.length))
  const pidWidth = Math.max(...processes.map(({ pid }) => String(pid ?? '').length))
  const rows = processes.map(
    ({ name, pid, where }) =>
      `  ${name.padEnd(nameWidth)}  ${pid === null ? ' '.repeat(pidWidth + 4) : `pid ${String(pid).padEnd(pidWidth)}`}  ${where}`,
  )
  const upload = `-H 'Content-Type: application/json' -d "{\\"filename\\":\\"hello.txt\\",\\"file\\":\\"$(printf 'Hello' | base64)\\"}"`
  return [
    '',
    `Holdfast is running at ${managerUrl}`,
    '',
    ...rows,
    '',
    `  data  ${dataDirectory}`,
    `  logs  ${logsDirectory}`,
    '',
    'Try it in another terminal:',
    `  curl ${managerUrl}/file ${upload}`,
    `  curl ${managerUrl}/file/hello.txt`,
    `  curl -X DELETE ${managerUrl}/file/hello.txt`,
    '',
    'Ctrl-C stops everything; the files are there again at the next start.',
    '',
  ].join('\n')
}
