import { mkdir, writeFile } from 'node:fs/promises'
import { managerOpenRpc } from '../../daemon/manager/api/openrpc.js'
import { alertRulesYaml } from '../../daemon/manager/http/alert-rules.js'
import { packageVersion } from './version.js'

// `npm run docs`: writes the documents that are made from the code. Runs from dist/, the documents stay in the source tree.
const DOCUMENTS: Readonly<Record<string, () => string>> = {
  'docs/openrpc/manager.json': () => `${JSON.stringify(managerOpenRpc(packageVersion()), null, 2)}\n`,
  'docs/alerts/damocles-manager.rules.yml': alertRulesYaml,
}

for (const [name, text] of Object.entries(DOCUMENTS)) {
  const file = new URL(`../../../${name}`, import.meta.url)
  await mkdir(new URL('.', file), { recursive: true })
  await writeFile(file, text())
  process.stdout.write(`${name}\n`)
}
