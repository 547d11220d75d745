// Copies its second argument to a name in its first, a directory on a small file system, and prints what became of it.
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { transfer } from '../../../plugins/stages/transfer.js'
import { stageContext } from './context.js'

const [small = '', big = ''] = process.argv.slice(2)
const uri = { store_name: null }
const routes = [{ src: { ...uri, uri: big }, dest: { ...uri, uri: path.join(small, 'copy') }, opt: null }]
const error = await transfer({ stores: {}, routes }, stageContext()).then(
  () => ({ message: 'it should not have fitted', class: '', cause: {} }),
  failure => failure,
)
console.log(
  JSON.stringify({ message: error.message, class: error.class, code: error.cause?.code, left: await readdir(small) }),
)
