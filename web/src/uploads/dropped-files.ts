/** A folder of more files than this is not read to its end. */
const MOST = 10_000

/** A file with the folders that it was in, as far as the browser tells them. */
export interface FileInFolder {
  readonly file: File
  /** Such as `Album/01 Intro.mp3`. */
  readonly path: string
}

export function withoutFolder(file: File): FileInFolder {
  return { file, path: file.name }
}

/** Reads what was dropped, with all that is in folders. It has to be called while the drop event is handled. */
export async function filesOf(data: Pick<DataTransfer, 'items' | 'files'>): Promise<FileInFolder[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null)
  if (!entries.some((entry) => entry?.isDirectory)) return [...data.files].map(withoutFolder)
  const files: FileInFolder[] = []
  for (const entry of entries) if (entry !== null) await collect(entry, files)
  return files
}

async function collect(entry: FileSystemEntry, files: FileInFolder[]): Promise<void> {
  if (files.length >= MOST) return
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    files.push({ file, path: entry.fullPath.replace(/^\/+/, '') })
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  for (;;) {
    // A reader gives some hundred at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return
    for (const one of some) await collect(one, files)
  }
}
