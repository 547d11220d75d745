import { expect } from 'chai'
import fc from 'fast-check'
import { PersistentMap } from '../../../../daemon/devnet/state/persistent-map.js'

/** Few keys, so that they meet again; some of them have the same hash. */
const COLLIDING = findCollision()
const key = fc.oneof(
  fc.nat(40).map(number => `sector/1000/${number}`),
  fc.constantFrom(...COLLIDING),
)

describe('devnet/state: persistent map', () => {
  it('agrees with a Map, and no change reaches an earlier version', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.option(fc.nat(9)))), changes => {
        const model = new Map<string, number>()
        let map = PersistentMap.empty<number>()
        const versions: [PersistentMap<number>, [string, number][]][] = []
        for (const [name, value] of changes) {
          if (value === null) {
            map = map.delete(name)
            model.delete(name)
          } else {
            map = map.set(name, value)
            model.set(name, value)
          }
          versions.push([map, [...model].sort()])
        }
        for (const [version, entries] of versions) {
          expect([...version.entries()].sort()).to.deep.equal(entries)
          for (const [name, value] of entries) expect(version.get(name)).to.equal(value)
        }
        for (const [name] of changes) expect(map.get(name)).to.equal(model.get(name))
      }),
    )
  })

  it('is itself when nothing is taken away', () => {
    const map = PersistentMap.empty<number>().set('a', 1)
    expect(map.delete('b')).to.equal(map)
  })

  it('holds many', () => {
    let map = PersistentMap.empty<number>()
    for (let at = 0; at < 20_000; at++) map = map.set(`k/${at}`, at)
    for (let at = 0; at < 20_000; at += 3) map = map.delete(`k/${at}`)
    expect([...map.entries()]).to.have.length(13_333)
    expect(map.get('k/3')).to.equal(undefined)
    expect(map.get('k/19999')).to.equal(19_999)
  })
})

/** Two keys whose 32 bit hashes are the same (FNV-1a, as the map computes it). */
function findCollision(): [string, string] {
  const seen = new Map<number, string>()
  for (let at = 0; ; at++) {
    const name = `c/${at}`
    let hash = 0x811c9dc5
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
    const other = seen.get(hash)
    if (other !== undefined) return [other, name]
    seen.set(hash, name)
  }
}
