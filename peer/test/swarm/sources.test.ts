import { expect, test } from 'vitest'
import { BannedSources } from '../../src/swarm/sources.ts'

test('whoever sent wrong bytes is known by his address, whatever port he comes back by', () => {
  const banned = new BannedSources()
  banned.add('10.0.0.1:6881')
  banned.add('[2001:db8::1]:6881')
  const his = ['10.0.0.1:9', '10.0.0.1:0', '[2001:db8::1]:1', '2001:db8::1:0', '[2001:0DB8:0::0001]:1']
  expect(his.filter((source) => !banned.has(source))).toEqual([])
  expect(['10.0.0.2:6881', '[2001:db8::2]:6881', 'http://10.0.0.1/x'].map((source) => banned.has(source))).toEqual(
    Array(3).fill(false),
  )
})

test('others on this machine are not taken for him', () => {
  const banned = new BannedSources()
  banned.add('127.0.0.1:1')
  banned.add('[::1]:1')
  expect(['127.0.0.1:1', '127.0.0.1:2', '[::1]:2'].map((source) => banned.has(source))).toEqual([true, false, false])
})

test('a web seed is known by its own address, and the host serves others', () => {
  const banned = new BannedSources()
  banned.add('http://10.0.0.1/film.mp4')
  expect([
    banned.has('http://10.0.0.1/film.mp4'),
    banned.has('http://10.0.0.1/other'),
    banned.has('10.0.0.1:80'),
  ]).toEqual([true, false, false])
})

test('somebody who invents addresses does not fill the memory', () => {
  const banned = new BannedSources()
  for (let number = 0; number < 10_001; number++)
    banned.add(`10.${number >> 16}.${(number >> 8) & 255}.${number & 255}:1`)
  expect([banned.has('10.0.39.15:1'), banned.has('10.0.39.16:1')]).toEqual([true, false])
})
