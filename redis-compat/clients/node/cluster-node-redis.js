// node-redis's createCluster against three nodes.
import { createCluster } from 'redis'
import { assert, check, finish } from './checks.js'
import { kill, nodes, persist, start } from './cluster.js'

const options = { rootNodes: nodes.map(socket => ({ socket })) }
const cluster = createCluster(options)
cluster.on('error', () => {}) // Each connection that breaks; the checks see what comes of it.
await cluster.connect()

async function work (prefix, client = cluster) {
  for (let i = 0; i < 100; i++) {
    assert.equal(await persist(() => client.set(`${prefix}:${i}`, `${i}`)), 'OK')
    await persist(() => client.hSet(`${prefix}:h:${i}`, { f: `${i}` }))
    await persist(() => client.sAdd(`${prefix}:s:${i}`, ['a', 'b']))
  }
  for (let i = 0; i < 100; i++) {
    assert.equal(await persist(() => client.get(`${prefix}:${i}`)), `${i}`)
    assert.deepEqual({ ...await persist(() => client.hGetAll(`${prefix}:h:${i}`)) }, { f: `${i}` })
    assert.deepEqual((await persist(() => client.sMembers(`${prefix}:s:${i}`))).sort(), ['a', 'b'])
  }
}

await check('normal work', () => work('plain'))

await check('the nodes', async () => {
  assert.equal(new Set(cluster.masters.map(master => master.address)).size, 3)
})

await check('several keys and transactions of one tag', async () => {
  assert.equal(await cluster.mSet({ '{tag}a': '1', '{tag}b': '2' }), 'OK')
  assert.deepEqual(await cluster.mGet(['{tag}a', '{tag}b']), ['1', '2'])
  assert.deepEqual(await cluster.multi().set('{tag}c', '1').incr('{tag}c').exec(), ['OK', 2])
  assert.equal(await cluster.del(['{tag}a', '{tag}b', '{tag}c']), 3)
})

await check('many at once', async () => {
  const values = await Promise.all(Array.from({ length: 1000 }, (_, i) => cluster.set(`many:${i}`, `${i}`)))
  assert.ok(values.every(value => value === 'OK'))
  assert.equal(await cluster.get('many:999'), '999')
})

await check('reading from replicas', async () => {
  const reader = createCluster({ ...options, useReplicas: true })
  reader.on('error', () => {})
  await reader.connect()
  for (let i = 0; i < 100; i++) assert.equal(await reader.get(`plain:${i}`), `${i}`)
  await reader.disconnect()
})

// This client asks for the slots again only when it is sent elsewhere, which no node does here; commands for a node that
// is gone wait for its return. Who does not want to wait connects anew.
await check('a node dies and returns', async () => {
  for (let index = 0; index < 3; index++) {
    await kill(index)
    const anew = createCluster(options)
    anew.on('error', () => {})
    await anew.connect()
    await work(`gone:${index}`, anew)
    await start(index)
    await work(`back:${index}`)
    await anew.disconnect()
  }
})

await cluster.disconnect()
finish()
