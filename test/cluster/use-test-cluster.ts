import { afterAll, beforeAll, inject } from 'vitest'
import { TestCluster, type TestClusterOptions } from './test-cluster.ts'

/** @returns the one cluster of all tests of a file or a group, because to start one takes seconds; they see what others left */
export function useTestCluster(options: Omit<TestClusterOptions, 'mongoUrl'> = {}): () => TestCluster {
  let cluster: TestCluster | null = null
  beforeAll(async () => {
    cluster = await TestCluster.start({ ...options, mongoUrl: inject('mongoUrl') })
  })
  afterAll(() => cluster?.[Symbol.asyncDispose]())
  return () => {
    if (cluster === null) throw new Error('the cluster has not started')
    return cluster
  }
}
