// node-redis against the server on $STARLING_PORT and $STARLING_SOCKET.
import { createClient, commandOptions, WatchError } from 'redis'
import { assert, check, finish, rejects } from './checks.js'

const socket = { host: '127.0.0.1', port: Number(process.env.STARLING_PORT) }

async function connect (options = {}) {
  const client = createClient({ socket, ...options })
  client.on('error', error => console.log(`connection error: ${error.message}`))
  await client.connect()
  return client
}

const client = await connect()

await check('strings', async () => {
  await client.flushAll()
  assert.equal(await client.set('s', 'value'), 'OK')
  assert.equal(await client.get('s'), 'value')
  assert.equal(await client.get('absent'), null)
  assert.equal(await client.set('s', 'x', { NX: true }), null)
  assert.equal(await client.set('s', 'new', { XX: true, GET: true, EX: 100 }), 'value')
  assert.equal(await client.append('s', 'er'), 5)
  assert.equal(await client.getRange('s', 0, 2), 'new')
  assert.equal(await client.incrBy('i', 41), 41)
  assert.equal(await client.incrByFloat('f', 1.5), '1.5')
  assert.equal(await client.mSet({ a: '1', b: '2' }), 'OK')
  assert.deepEqual(await client.mGet(['a', 'absent', 'b']), ['1', null, '2'])
  assert.equal(await client.getDel('a'), '1')
  assert.equal(await client.getEx('b', { EX: 50 }), '2')
  const bytes = Buffer.from([0, 13, 10, 255])
  await client.set('binary', bytes)
  assert.deepEqual(await client.get(commandOptions({ returnBuffers: true }), 'binary'), bytes)
})

await check('bits', async () => {
  assert.equal(await client.setBit('bits', 7, 1), 0)
  assert.equal(await client.getBit('bits', 7), 1)
  assert.equal(await client.bitCount('bits'), 1)
  assert.equal(await client.bitPos('bits', 1), 7)
  assert.deepEqual(await client.bitField('bits', [{ operation: 'GET', encoding: 'u8', offset: 0 }]), [1])
})

await check('hashes', async () => {
  await client.flushAll()
  assert.equal(await client.hSet('h', { a: '1', b: '2' }), 2)
  assert.deepEqual({ ...await client.hGetAll('h') }, { a: '1', b: '2' })
  assert.equal(await client.hIncrBy('h', 'a', 4), 5)
  assert.equal(await client.hExists('h', 'c'), false)
  assert.deepEqual(await client.hmGet('h', ['a', 'c']), ['5', null])
  assert.equal(await client.hDel('h', ['a', 'c']), 1)
  await client.hSet('big', Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`f${i}`, `${i}`])))
  const found = new Map()
  for await (const { field, value } of client.hScanIterator('big')) found.set(field, value)
  assert.equal(found.size, 2000)
  assert.equal(found.get('f1999'), '1999')
})

await check('sets', async () => {
  await client.flushAll()
  assert.equal(await client.sAdd('a', ['1', '2', '3']), 3)
  await client.sAdd('b', ['3', '4'])
  assert.deepEqual((await client.sMembers('a')).sort(), ['1', '2', '3'])
  assert.deepEqual(await client.sInter(['a', 'b']), ['3'])
  assert.equal(await client.sUnionStore('c', ['a', 'b']), 4)
  assert.deepEqual(await client.smIsMember('a', ['1', '9']), [true, false])
  assert.equal(await client.sInterCard(['a', 'b']), 1)
  assert.equal(await client.sMove('a', 'b', '1'), true)
  assert.equal((await client.sPop('c', 2)).length, 2)
})

await check('keys, expiry and SCAN', async () => {
  await client.flushAll()
  await Promise.all(Array.from({ length: 3000 }, (_, i) => client.set(`k${i}`, `${i}`)))
  assert.equal(await client.dbSize(), 3000)
  const found = new Set()
  for await (const key of client.scanIterator({ COUNT: 100 })) found.add(key)
  assert.equal(found.size, 3000)
  assert.equal(await client.expire('k1', 100), true)
  assert.ok(await client.ttl('k1') > 90)
  assert.equal(await client.persist('k1'), true)
  await client.pExpire('k2', 20)
  await new Promise(resolve => setTimeout(resolve, 60))
  assert.equal(await client.exists('k2'), 0)
  assert.equal(await client.copy('k3', 'copied'), true)
  assert.equal(await client.del(['copied', 'absent']), 1)
  assert.equal(await client.type('k4'), 'string')
})

await check('errors', async () => {
  await client.set('text', 'abc')
  await rejects(client.incr('text'), 'ERR value is not an integer or out of range')
  await rejects(client.hGet('text', 'f'), 'WRONGTYPE')
  await rejects(client.sendCommand(['NOSUCH', 'a']), "ERR unknown command 'NOSUCH', with args beginning with: 'a'")
})

await check('transactions', async () => {
  await client.flushAll()
  assert.deepEqual(await client.multi().set('a', '1').incr('a').get('a').hSet('h', 'f', 'v').exec(), ['OK', 2, '2', 1])
  await rejects(client.multi().set('a', '1').addCommand(['NOSUCH']).exec(), 'EXECABORT')
  await client.executeIsolated(async isolated => {
    await isolated.watch('a')
    await client.set('a', 'changed')
    await assert.rejects(isolated.multi().set('a', 'mine').exec(), WatchError)
  })
  assert.equal(await client.get('a'), 'changed')
})

await check('pub/sub', async () => {
  const reader = await connect()
  const got = []
  let arrived
  const both = new Promise(resolve => { arrived = resolve })
  const note = (message, channel) => { if (got.push([channel, message]) === 2) arrived() }
  await reader.subscribe('channel', note)
  await reader.pSubscribe('pat*', note)
  assert.equal(await client.publish('channel', 'one'), 1)
  assert.equal(await client.publish('pattern', 'two'), 1)
  await both
  assert.deepEqual(got, [['channel', 'one'], ['pattern', 'two']])
  await reader.unsubscribe('channel')
  await reader.pUnsubscribe('pat*')
  assert.equal(await reader.ping(), 'PONG')
  await reader.quit()
})

await check('pipelining', async () => {
  const replies = await Promise.all(Array.from({ length: 10_000 }, () => client.incr('pipelined')))
  assert.deepEqual(replies, Array.from({ length: 10_000 }, (_, i) => i + 1))
})

await check('databases, names and Unix socket', async () => {
  const other = await connect({ database: 3, name: 'tester' })
  await other.set('there', '1')
  assert.equal(await client.exists('there'), 0)
  assert.equal(await other.clientGetName(), 'tester')
  await other.quit()
  const local = await connect({ socket: { path: process.env.STARLING_SOCKET }, database: 3 })
  assert.equal(await local.get('there'), '1')
  await local.quit()
})

await check('INFO and COMMAND', async () => {
  assert.match(await client.info('server'), /redis_version:7\./)
  assert.ok(await client.commandCount() > 50)
  assert.deepEqual(await client.commandGetKeys(['MSET', 'a', '1', 'b', '2']), ['a', 'b'])
})

await client.quit()
finish()
