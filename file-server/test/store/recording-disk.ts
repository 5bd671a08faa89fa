import { type DiskCalls, openDisk } from '../../src/store/disk/disk-calls.ts'

export const realDisk = openDisk()

export const errno = (code: string): Error => Object.assign(new Error(code), { code })

/** This is the real disk, but it notes every call that changes something, and may be told to fail one. */
export function recordingDisk(root: () => string) {
  const calls: string[] = []
  const failures = new Map<keyof DiskCalls, Error>()
  const short = (path: string): string => path.slice(root().length).replace(/-[0-9a-f]{40}(-[0-9a-f]{64})?/, '-copy')
  const record = async <T>(name: keyof DiskCalls, detail: string, call: () => Promise<T>): Promise<T> => {
    const failure = failures.get(name)
    calls.push(`${name} ${detail}`.trim())
    if (failure !== undefined) throw failure
    return call()
  }
  const disk: DiskCalls = {
    ...realDisk,
    write: (file, bytes, offset, position) => record('write', '', () => realDisk.write(file, bytes, offset, position)),
    syncFile: (file) => record('syncFile', '', () => realDisk.syncFile(file)),
    rename: (from, to) => record('rename', `${short(from)} ${short(to)}`, () => realDisk.rename(from, to)),
    syncDirectory: (path) => record('syncDirectory', short(path), () => realDisk.syncDirectory(path)),
    createFile: (path, bytes) => record('createFile', short(path), () => realDisk.createFile(path, bytes)),
    unlink: (path) => record('unlink', short(path), () => realDisk.unlink(path)),
    writeJournal: (fd, bytes, at) => record('writeJournal', '', () => realDisk.writeJournal(fd, bytes, at)),
    syncJournal: (fd) => record('syncJournal', '', () => realDisk.syncJournal(fd)),
    syncPath: (path) => record('syncPath', short(path), () => realDisk.syncPath(path)),
    syncFileSystem: (root) => record('syncFileSystem', short(root), () => realDisk.syncFileSystem(root)),
  }
  return { disk, calls, failures }
}
