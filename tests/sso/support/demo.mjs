/** The real binary on free ports, in a folder of its own, allowed to ask identity providers on loopback. */
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const READY_WITHIN_MS = 60_000
const binary = resolve(process.env.BARTIZAN_BIN ?? '../../target/debug/bartizan')

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Starts the demo; `credentials` are what it wrote, `stop` ends it. */
export async function startDemo() {
  const folder = await mkdtemp(join(tmpdir(), 'bartizan-sso-'))
  const file = join(folder, 'credentials.json')
  const ports = ['--api-port', String(await freePort()), '--node-port', String(await freePort())]
  const demo = spawn(binary, ['demo', '--no-traffic', '--data-dir', folder, ...ports, '--credentials-file', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      BARTIZAN_CLOUD__OUTGOING__ALLOWED_NETWORKS: '["127.0.0.0/8"]',
      BARTIZAN_CLOUD__OUTGOING__PLAIN_HTTP: 'true',
      BARTIZAN_CLOUD__LIMITS__PASSWORD_CHECKS_PER_MINUTE: '1000',
      BARTIZAN_CLOUD__LIMITS__PASSWORD_CHECKS_PER_MINUTE_ADDRESS: '1000',
      BARTIZAN_LOG: 'warn,bartizan_cloud=info',
    },
  })
  let output = ''
  for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (chunk) => (output += chunk))
  const deadline = Date.now() + READY_WITHIN_MS
  const written = () => readFile(file, 'utf8').catch(() => '')
  // A file that is still being written does not end with its brace.
  while (!(await written()).trimEnd().endsWith('}')) {
    if (demo.exitCode !== null || Date.now() > deadline) throw new Error(`bartizan did not start:\n${output}`)
    await pause(50)
  }
  const stop = async () => {
    if (demo.exitCode === null) {
      demo.kill('SIGINT')
      await once(demo, 'exit')
    }
    await rm(folder, { recursive: true })
  }
  return { credentials: JSON.parse(await written()), output: () => output, stop }
}

/** What an authenticator shows: RFC 6238 with SHA-1, six digits, thirty seconds; `ahead` counts time steps. */
export function codeOf(secret, ahead = 0) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const seed = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead))
  const digest = createHmac('sha1', seed).update(step).digest()
  const offset = digest.readUInt8(digest.length - 1) & 0xf
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
