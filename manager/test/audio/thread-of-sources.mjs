// A thread has no loader of the thread that starts it, so it registers its own.
import { register } from 'tsx/esm/api'

register()
await import('../../src/audio/metadata/metadata-thread.ts')
