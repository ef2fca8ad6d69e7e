// What the cluster checks of both clients need: the nodes, and faults on request (see ../cluster).
import { createInterface } from 'node:readline'

export const nodes = process.env.STARLING_NODES.split(' ').map(address => {
  const [host, port] = address.split(':')
  return { host, port: Number(port) }
})

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

async function ask (wish) {
  console.log(wish)
  await answers.next()
}

export const kill = index => ask(`!kill ${index}`)
export const start = index => ask(`!start ${index}`)

// The outcome of a command that may be sent again: while a node dies, and until the client has noticed.
export async function persist (run) {
  const limit = Date.now() + 30_000
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (Date.now() > limit) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}
