// A tally of checks for the Node.js clients.
import assert from 'node:assert/strict'

let passed = 0
let failed = 0

export { assert }

// Runs one check, named for its line.
export async function check (name, run) {
  let timer
  const limit = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no end within 60 s')), 60_000)
  })
  try {
    await Promise.race([run(), limit])
    passed++
    console.log(`ok    ${name}`)
  } catch (error) {
    failed++
    console.log(`FAIL  ${name}\n${error.stack}`)
  }
  clearTimeout(timer)
}

export async function rejects (promise, text) {
  await assert.rejects(promise, error => {
    assert.ok(error.message.includes(text), `${error.message} does not have ${text}`)
    return true
  })
}

export function finish () {
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed ? 1 : 0)
}
