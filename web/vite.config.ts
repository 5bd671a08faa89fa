import { defineConfig } from 'vite'

export default defineConfig({
  build: {
    // Every file has a digest in its name, and none is put into another as a data: address, which the policy forbids.
    assetsInlineLimit: 0,
    target: 'es2022',
    chunkSizeWarningLimit: 2_000,
    modulePreload: { polyfill: false },
  },
})
