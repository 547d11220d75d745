// Copies its second argument to a name in its first, a directory on a small file system, and prints what became of it. When its third is
// `late`, something else takes the space as soon as a part is copied.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { transfer } from '../../../plugins/stages/transfer.js'
import { stageContext } from './context.js'

const [small = '', big = '', mode] = process.argv.slice(2)
const uri = { store_name: null }
const routes = [{ src: { ...uri, uri: big }, dest: { ...uri, uri: path.join(small, 'copy') }, opt: null }]
const other = path.join(small, 'other')
let progress = 0
const onProgress = (): void => {
  progress += 1
  if (mode === 'late' && !existsSync(other)) writeFileSync(other, Buffer.alloc(5 << 20))
}
const error = await transfer({ stores: {}, routes }, stageContext({ onProgress })).then(
  () => ({ message: 'it should not have fitted', class: '', cause: {} }),
  failure => failure,
)
const left = readdirSync(small)
console.log(
  JSON.stringify({ message: error.message, class: error.class, code: error.cause?.cause?.code, left, progress }),
)
