/** Starts the real binary on free ports, in a folder of its own, and stops it again. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** What the demo writes to its credentials file. */
export interface Credentials {
  api_url: string
  console_url: string
  api_console_url: string
  node_url: string
  upstream_url: string
  client_id: number
  email: string
  password: string
  uuid: string
  secret: string
  api_token: string
}

export interface Demo {
  credentials: Credentials
  stop: () => Promise<void>
}

const READY_WITHIN_MS = 30_000
const binary = resolve(process.env['BARTIZAN_BIN'] ?? '../../target/debug/bartizan')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function whenReady(demo: ChildProcess, file: string, output: () => string): Promise<Credentials> {
  const deadline = Date.now() + READY_WITHIN_MS
  while (Date.now() < deadline) {
    if (demo.exitCode !== null) throw new Error(`bartizan ended with code ${demo.exitCode}:\n${output()}`)
    const text = await readFile(file, 'utf8').catch(() => '')
    // A file that is still being written does not end with its brace.
    if (text.trimEnd().endsWith('}')) return JSON.parse(text) as Credentials
    await pause(50)
  }
  throw new Error(`bartizan was not ready in time:\n${output()}`)
}

/** Starts `bartizan demo` without its sample traffic and waits until it is ready. */
export async function startDemo(): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), 'bartizan-browser-'))
  const file = join(folder, 'cred.json')
  const [apiPort, nodePort] = [await freePort(), await freePort()]
  const demo = spawn(
    binary,
    ['demo', '--no-traffic', '--data-dir', folder, '--api-port', String(apiPort), '--node-port', String(nodePort), '--credentials-file', file],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      // All people of these tests sign in from one address, more of them in a minute than the limit for one.
      env: { ...process.env, BARTIZAN_CLOUD__LIMITS__PASSWORD_CHECKS_PER_MINUTE_ADDRESS: '1000' },
    },
  )
  let output = ''
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-8000)
  }
  demo.stdout.on('data', collect)
  demo.stderr.on('data', collect)
  const failed = once(demo, 'error').then(([error]) => {
    throw new Error(`${binary} did not start: ${String(error)}. Build it first, or set BARTIZAN_BIN.`)
  })
  const stop = async () => {
    if (demo.exitCode === null) {
      demo.kill('SIGINT')
      await once(demo, 'exit')
    }
    await rm(folder, { recursive: true, force: true })
  }
  try {
    return { credentials: await Promise.race([whenReady(demo, file, () => output), failed]), stop }
  } catch (error) {
    if (demo.pid !== undefined) await stop()
    throw error
  }
}
