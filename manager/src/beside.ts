import { fileURLToPath } from 'node:url'

// What a manager uses of its neighbours in the project. This file is as deep in it as what is bundled of it, so that the
// paths are the same from both.

/** `npm run build` puts the page there. */
export const builtPage = fileURLToPath(new URL('../../web/dist/', import.meta.url))

/** The first of these that is there is run: a clone of the project installs and builds the peer, an image has it built. */
export const peerScripts = ['../../scripts/pull.mjs', '../../peer/bundle/pull-main.js'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
)
