import { readFile, rename, rm } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/**
 * `npm run build`, after the compiler: puts the modules of the programs that are started often into few files, since finding and reading some hundred
 * modules is most of what a start takes. The modules stay beside it and do the same; `daemon/kit/program-module.ts` chooses.
 */
const dist = resolve(dirname(fileURLToPath(import.meta.url)), '../dist')
const bundle = resolve(dist, 'bundle')
const made = `${bundle}.${process.pid}`

const PROGRAMS = [
  'bin/programs/damocles-manager.js',
  'bin/programs/damocles-worker.js',
  'daemon/manager/storage/helper/helper-main.js',
  'daemon/worker/wdpost/reading/reader-main.js',
]

/** Packages of many small modules that need no files of their own; all others are loaded from where they are. */
const INLINED = /^(zod|multiformats|@ipld\/dag-cbor|cborg|@noble\/(hashes|curves)|commander|@iarna\/toml)(\/|$)/

const packages = {
  name: 'packages',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./#]/ }, ({ path }) => (INLINED.test(path) ? undefined : { path, external: true }))
  },
}

/** A module finds its files beside itself; all of the bundle lies `depth` folders below `dist/bundle`, whatever it is made of. */
const places = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      if (path.includes('node_modules')) return undefined
      const text = await readFile(path, 'utf8')
      if (!text.includes('import.meta.')) return undefined
      const own = `new URL(${JSON.stringify(relative(dist, path))}, __dist)`
      const contents = text
        .replaceAll('import.meta.url', `${own}.href`)
        .replaceAll('import.meta.dirname', `__path(new URL('.', ${own}))`)
        .replaceAll('import.meta.filename', `__path(${own})`)
      return { contents, resolveDir: dirname(path), loader: 'js' }
    })
  },
}

await build({
  entryPoints: PROGRAMS.map(program => resolve(dist, program)),
  outbase: dist,
  outdir: made,
  chunkNames: 'chunk-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  plugins: [packages, places],
  banner: {
    js: `import { createRequire as __makeRequire } from 'node:module'
import { fileURLToPath as __path } from 'node:url'
const __dist = new URL(import.meta.url.slice(0, import.meta.url.lastIndexOf('/dist/') + 6))
const require = __makeRequire(import.meta.url)`,
  },
})
// A program that starts at this moment finds the old ones or the new ones.
await rm(bundle, { recursive: true, force: true })
await rename(made, bundle)
