// ioredis.Cluster against three nodes.
import Redis from 'ioredis'
import { assert, check, finish } from './checks.js'
import { kill, nodes, persist, start } from './cluster.js'

const cluster = new Redis.Cluster(nodes)
cluster.on('error', error => console.log(`cluster error: ${error.message}`))

async function work (prefix) {
  for (let i = 0; i < 100; i++) {
    assert.equal(await persist(() => cluster.set(`${prefix}:${i}`, i)), 'OK')
    await persist(() => cluster.hset(`${prefix}:h:${i}`, { f: i }))
    await persist(() => cluster.sadd(`${prefix}:s:${i}`, 'a', 'b'))
  }
  for (let i = 0; i < 100; i++) {
    assert.equal(await persist(() => cluster.get(`${prefix}:${i}`)), `${i}`)
    assert.deepEqual(await persist(() => cluster.hgetall(`${prefix}:h:${i}`)), { f: `${i}` })
    assert.deepEqual((await persist(() => cluster.smembers(`${prefix}:s:${i}`))).sort(), ['a', 'b'])
  }
}

await check('normal work', () => work('plain'))

await check('the nodes', async () => {
  assert.equal(cluster.nodes('all').length, 3)
  assert.equal(cluster.status, 'ready')
})

await check('several keys, transactions and pipelines of one tag', async () => {
  assert.equal(await cluster.mset('{tag}a', 1, '{tag}b', 2), 'OK')
  assert.deepEqual(await cluster.mget('{tag}a', '{tag}b'), ['1', '2'])
  assert.deepEqual(await cluster.multi().set('{tag}c', 1).incr('{tag}c').exec(), [[null, 'OK'], [null, 2]])
  assert.deepEqual(await cluster.pipeline().set('{tag}d', 'x').get('{tag}d').exec(), [[null, 'OK'], [null, 'x']])
  assert.equal(await cluster.del('{tag}a', '{tag}b', '{tag}c', '{tag}d'), 4)
})

await check('automatic pipelining', async () => {
  const automatic = new Redis.Cluster(nodes, { enableAutoPipelining: true })
  const values = await Promise.all(Array.from({ length: 1000 }, (_, i) => automatic.set(`auto:${i}`, i)))
  assert.ok(values.every(value => value === 'OK'))
  assert.equal(await automatic.get('auto:999'), '999')
  automatic.disconnect()
})

await check('reading from replicas', async () => {
  const reader = new Redis.Cluster(nodes, { scaleReads: 'all' })
  for (let i = 0; i < 100; i++) assert.equal(await reader.get(`plain:${i}`), `${i}`)
  reader.disconnect()
})

await check('a node dies and returns', async () => {
  for (let index = 0; index < 3; index++) {
    await kill(index)
    await work(`gone:${index}`)
    await start(index)
    await work(`back:${index}`)
  }
})

cluster.disconnect()
finish()
