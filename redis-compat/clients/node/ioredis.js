// ioredis against the server on $STARLING_PORT and $STARLING_SOCKET.
import Redis from 'ioredis'
import { assert, check, finish, rejects } from './checks.js'

const port = Number(process.env.STARLING_PORT)
const client = new Redis({ host: '127.0.0.1', port })

await check('the ready check and strings', async () => {
  await client.flushall()
  assert.equal(client.status, 'ready')
  assert.equal(await client.set('s', 'value'), 'OK')
  assert.equal(await client.get('s'), 'value')
  assert.equal(await client.set('s', 'x', 'NX'), null)
  assert.equal(await client.set('s', 'new', 'EX', 100, 'GET'), 'value')
  assert.equal(await client.incrbyfloat('f', 0.1), '0.1')
  assert.deepEqual(await client.mget('s', 'absent'), ['new', null])
  const bytes = Buffer.from([0, 13, 10, 255])
  await client.set('binary', bytes)
  assert.deepEqual(await client.getBuffer('binary'), bytes)
})

await check('hashes', async () => {
  await client.flushall()
  await client.hset('h', { a: 1, b: 2 })
  assert.deepEqual(await client.hgetall('h'), { a: '1', b: '2' })
  assert.equal(await client.hincrby('h', 'a', 4), 5)
  await client.hset('big', new Map(Array.from({ length: 2000 }, (_, i) => [`f${i}`, i])))
  let fields = 0
  for await (const page of client.hscanStream('big', { count: 100 })) fields += page.length / 2
  assert.ok(fields >= 2000)
})

await check('sets', async () => {
  await client.flushall()
  assert.equal(await client.sadd('a', 1, 2, 3), 3)
  await client.sadd('b', 3, 4)
  assert.deepEqual((await client.smembers('a')).sort(), ['1', '2', '3'])
  assert.deepEqual(await client.sdiff('b', 'a'), ['4'])
  assert.equal(await client.sismember('a', 9), 0)
  let members = 0
  await client.sadd('big', Array.from({ length: 2000 }, (_, i) => `m${i}`))
  for await (const page of client.sscanStream('big')) members += page.length
  assert.ok(members >= 2000)
})

await check('SCAN and expiry', async () => {
  await client.flushall()
  const fill = client.pipeline()
  for (let i = 0; i < 3000; i++) fill.set(`k${i}`, i)
  await fill.exec()
  const found = new Set()
  for await (const page of client.scanStream({ match: 'k1*', count: 100 })) page.forEach(key => found.add(key))
  assert.equal(found.size, 1111)
  assert.equal(await client.pexpire('k1', 20), 1)
  await new Promise(resolve => setTimeout(resolve, 60))
  assert.equal(await client.get('k1'), null)
  assert.equal(await client.ttl('k2'), -1)
  const payload = await client.dumpBuffer('k2')
  assert.equal(await client.restore('restored', 0, payload), 'OK')
  assert.equal(await client.get('restored'), '2')
})

await check('pipelines', async () => {
  const replies = await client.pipeline().set('p', 'abc').incr('p').get('p').exec()
  assert.equal(replies[0][1], 'OK')
  assert.match(replies[1][0].message, /not an integer/)
  assert.equal(replies[2][1], 'abc')
})

await check('transactions', async () => {
  assert.deepEqual(await client.multi().set('t', 1).incr('t').hset('th', 'f', 'v').exec(), [[null, 'OK'], [null, 2], [null, 1]])
  await rejects(client.multi().set('t').exec(), 'EXECABORT')
  const other = client.duplicate()
  await other.watch('t')
  await client.set('t', 'changed')
  assert.equal(await other.multi().set('t', 'mine').exec(), null)
  assert.equal(await client.get('t'), 'changed')
  other.disconnect()
})

await check('errors', async () => {
  await rejects(client.call('NOSUCH'), "ERR unknown command 'NOSUCH'")
  await client.set('text', 'abc')
  await rejects(client.sadd('text', 1), 'WRONGTYPE Operation against a key holding the wrong kind of value')
})

await check('pub/sub', async () => {
  const reader = client.duplicate()
  const got = []
  const both = new Promise(resolve => {
    reader.on('message', (channel, message) => { got.push([channel, message]); if (got.length === 2) resolve() })
    reader.on('pmessage', (pattern, channel, message) => { got.push([pattern, channel, message]); if (got.length === 2) resolve() })
  })
  assert.equal(await reader.subscribe('channel'), 1)
  assert.equal(await reader.psubscribe('pat*'), 2)
  assert.equal(await client.publish('channel', 'one'), 1)
  assert.equal(await client.publish('pattern', 'two'), 1)
  await both
  assert.deepEqual(got, [['channel', 'one'], ['pat*', 'pattern', 'two']])
  assert.equal(await reader.unsubscribe('channel'), 1)
  assert.equal(await reader.punsubscribe('pat*'), 0)
  assert.equal(await reader.get('text'), 'abc')
  reader.disconnect()
})

await check('MONITOR', async () => {
  const monitor = await client.monitor()
  const seen = new Promise(resolve => monitor.on('monitor', (time, command) => { if (command[1] === 'watched') resolve() }))
  await client.get('watched')
  await seen
  monitor.disconnect()
})

await check('databases, names and Unix socket', async () => {
  const other = new Redis({ host: '127.0.0.1', port, db: 4, connectionName: 'tester' })
  await other.set('there', 1)
  assert.equal(await other.client('GETNAME'), 'tester')
  assert.equal(await client.exists('there'), 0)
  other.disconnect()
  const local = new Redis({ path: process.env.STARLING_SOCKET, db: 4 })
  assert.equal(await local.get('there'), '1')
  local.disconnect()
})

await check('automatic pipelining', async () => {
  const automatic = new Redis({ host: '127.0.0.1', port, enableAutoPipelining: true })
  const replies = await Promise.all(Array.from({ length: 5000 }, () => automatic.incr('automatic')))
  assert.equal(Math.max(...replies), 5000)
  automatic.disconnect()
})

client.disconnect()
finish()
