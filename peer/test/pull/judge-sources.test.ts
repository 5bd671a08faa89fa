import { expect, test } from 'vitest'
import { FinalError, judgeSources } from '../../src/pull/judge-sources.ts'
import { reachOf } from '../../src/swarm/reach.ts'

const judge = async (urls: readonly string[], allowsPrivate = false) => {
  const troubles: string[] = []
  const left = await judgeSources(urls, reachOf(allowsPrivate), (sentence) => troubles.push(sentence))
  return { left, troubles }
}

test('private addresses are left out, and what is asked over UDP is asked by its address', async () => {
  const publicOne = 'http://93.184.216.34/announce'
  const { left, troubles } = await judge([publicOne, 'http://10.0.0.1/announce', 'udp://localhost:6969/announce?x'])
  expect(left).toEqual([publicOne])
  expect(troubles).toEqual([
    'http://10.0.0.1/announce: 10.0.0.1 is no public address, and torrents may lead to none here',
    expect.stringMatching(/^udp:\/\/localhost:6969\/announce\?x: localhost \(.*\) is no public address/),
  ])
  expect((await judge(['udp://localhost:6969/announce?x'], true)).left).toEqual([
    expect.stringMatching(/^udp:\/\/(127\.0\.0\.1|\[::1\]):6969\/announce\?x$/),
  ])
})

test('a torrent that leads to private addresses alone is refused for good', async () => {
  await expect(judge(['http://10.0.0.1/', 'udp://127.0.0.1:1/'])).rejects.toThrow(FinalError)
  await expect(judge(['http://169.254.169.254/'], true)).rejects.toThrow('TORRENT_PRIVATE_NETWORKS')
})
