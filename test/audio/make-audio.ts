import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { isInstalled } from '../install/installed.ts'

const run = promisify(execFile)

/** Whether audio can be made here. Where it cannot, the output says so. */
export const canMakeAudio =
  (await isInstalled('ffmpeg', ['-version'], /^ffmpeg version/)) &&
  (await isInstalled('ffprobe', ['-version'], /^ffprobe version/))

export interface AudioWish {
  readonly seconds: number
  /** Such as `-c:a flac -ar 48000`, what ffmpeg is told about the file that it writes. */
  readonly as: string
}

/** Has ffmpeg write noise, which no encoder makes small, in two channels, to a file whose ending tells the container. */
export async function makeAudio(file: string, { seconds, as }: AudioWish): Promise<void> {
  const noise = `anoisesrc=color=pink:amplitude=0.3:seed=1:sample_rate=44100:duration=${seconds}`
  await run('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', noise, '-ac', '2', ...as.split(' '), file])
}

/** @returns how long a file is as ffprobe says it, in seconds */
export async function probeDuration(file: string): Promise<number> {
  const asked = ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0']
  const { stdout } = await run('ffprobe', [...asked, file])
  return Number(stdout)
}

/** @returns where the last frame of a file ends, in seconds from the first one on */
export async function probePackets(file: string): Promise<number> {
  const asked = ['-v', 'error', '-select_streams', 'a:0', '-show_entries', 'packet=duration_time', '-of', 'csv=p=0']
  const { stdout } = await run('ffprobe', [...asked, file], { maxBuffer: 64 * 1024 ** 2 })
  return stdout.split('\n').reduce((sum, line) => sum + (Number.parseFloat(line) || 0), 0)
}
