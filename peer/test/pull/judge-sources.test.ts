import { expect, test } from 'vitest'
import { FinalError, judgeSources } from '../../src/pull/judge-sources.ts'
import { reachOf } from '../../src/swarm/reach.ts'

type LookUp = Parameters<typeof judgeSources>[3]
const judge = async (urls: readonly string[], allowsPrivate = false, lookUp?: LookUp) => {
  const troubles: string[] = []
  const left = await judgeSources(urls, reachOf(allowsPrivate), (sentence) => troubles.push(sentence), lookUp)
  return { left, troubles }
}

test('private addresses are left out, and what is asked over UDP is asked by its address', async () => {
  const publicOne = 'http://93.184.216.34/announce'
  const { left, troubles } = await judge([publicOne, 'http://10.0.0.1/announce', 'udp://localhost:6969/announce?x'])
  expect(left).toEqual([publicOne])
  expect(troubles).toEqual([
    'http://10.0.0.1/announce: 10.0.0.1 is no public address, and torrents may lead to none such here',
    expect.stringMatching(/^udp:\/\/localhost:6969\/announce\?x: localhost \(.*\) is no public address/),
  ])
  expect((await judge(['udp://localhost:6969/announce?x'], true)).left).toEqual(['udp://127.0.0.1:6969/announce?x'])
})

test('a tracker over UDP is asked at its first address of IPv4, and left out where it has none', async () => {
  const addresses = ['2606:2800:21f::1', '93.184.216.34', '93.184.216.35'].map((address) => ({ address }))
  const lookUp = async (host: string) => (host === 'both.example' ? addresses : addresses.slice(0, 1))
  const urls = ['udp://both.example:6969/a', 'udp://six.example:6969/a', 'udp://[2606:2800:21f::1]:6969/a']
  const { left, troubles } = await judge([...urls, 'http://six.example/a'], false, lookUp)
  expect(left).toEqual(['udp://93.184.216.34:6969/a', 'http://six.example/a'])
  const without = urls.slice(1).map((url) => expect.stringContaining(`${url}: it has no address of IPv4`))
  expect(troubles).toEqual(expect.arrayContaining(without))
})

test('a torrent that leads to private addresses alone is refused for good', async () => {
  await expect(judge(['http://10.0.0.1/', 'udp://127.0.0.1:1/'])).rejects.toThrow(FinalError)
  await expect(judge(['http://169.254.169.254/'], true)).rejects.toThrow('TORRENT_PRIVATE_NETWORKS')
})
