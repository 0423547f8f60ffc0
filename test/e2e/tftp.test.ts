// TFTP on loopback: losses, many clients, files that are replaced. clients-files.test.ts has more clients.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BootTree } from '../../src/files/file-tree.ts';
import { ipv4 } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { TftpServer } from '../../src/tftp/server.ts';
import { ThreadTransferRunner } from '../../src/tftp/transfer-runner.ts';
import { missing, type Need } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually } from '../support/running-rack.ts';
import { seededRandom } from '../support/seeded-random.ts';

interface RelayModel {
  readonly seed: number;
  readonly loss: number;
  readonly duplication: number;
  /** One way, in milliseconds. Default: at once. */
  readonly delayMs?: number;
  /** The probability that a packet is late by half the delay, so that others overtake it. */
  readonly overtaken?: number;
}

/** A running relay. */
interface LossyRelay {
  /** Where the client sends its request. */
  readonly port: number;
  /** Packets carried, copies included, and packets lost. */
  counts(): { readonly carried: number; readonly lost: number };
  close(): void;
}

const HOST = '127.0.0.1';

/** Starts a relay to the server at `serverPort`. */
async function openLossyRelay(serverPort: number, model: RelayModel): Promise<LossyRelay> {
  const random = seededRandom(model.seed);
  const [requests, answers, server] = await Promise.all([bound(), bound(), bound()]);
  let clientPort = 0;
  let transferPort = serverPort;
  let carried = 0;
  let lost = 0;
  let isOpen = true;
  const carry = (from: Socket, bytes: Buffer, port: number): void => {
    if (random() < model.loss) {
      lost += 1;
      return;
    }
    for (let copies = random() < model.duplication ? 2 : 1; copies > 0; copies -= 1) {
      carried += 1;
      const delayMs = (model.delayMs ?? 0) * (random() < (model.overtaken ?? 0) ? 1.5 : 1);
      if (delayMs === 0) from.send(bytes, port, HOST);
      else setTimeout(() => isOpen && from.send(bytes, port, HOST), delayMs);
    }
  };
  requests.on('message', (bytes, { port }) => {
    clientPort = port;
    transferPort = serverPort;
    carry(server, bytes, serverPort);
  });
  answers.on('message', (bytes) => carry(server, bytes, transferPort));
  server.on('message', (bytes, { port }) => {
    transferPort = port;
    carry(answers, bytes, clientPort);
  });
  return {
    port: requests.address().port,
    counts: () => ({ carried, lost }),
    close: () => {
      isOpen = false;
      for (const socket of [requests, answers, server]) socket.close();
    },
  };
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
  socket.bind(0, HOST);
  await once(socket, 'listening');
  return socket;
}

const LOOPBACK = ipv4(0x7f000001);
/** The period of noise, except for its counters; no multiple of a block. */
const NOISE_BYTES = 100_003;
const CLIENT_MS_MAX = 60_000;
/** curl's exit code for TFTP error 1. */
const CURL_NOT_FOUND = 68;

/** The command line of a client that loads `file` into `into`. */
interface ClientCall {
  readonly name: string;
  readonly program: string & Need;
  readonly args: (port: number, file: string, into: string) => readonly string[];
}

const curl = (...options: readonly string[]) =>
  ({
    name: `curl ${options.join(' ')}`,
    program: 'curl',
    args: (port, file, into) => ['-sS', ...options, '-o', into, `tftp://127.0.0.1:${port}/${file}`],
  }) as const satisfies ClientCall;
const atftp = (...options: readonly string[]) =>
  ({
    name: `atftp ${options.join(' ')}`,
    program: 'atftp',
    args: (port, file, into) => [
      ...options.flatMap((option) => ['--option', option]),
      '-g',
      '-r',
      file,
      '-l',
      into,
      '127.0.0.1',
      String(port),
    ],
  }) as const satisfies ClientCall;

const TFTP_HPA: ClientCall = {
  name: 'tftp-hpa, octet',
  program: 'tftp',
  args: (port, file, into) => ['-4', '-m', 'binary', '127.0.0.1', String(port), '-c', 'get', file, into],
};

/** Runs a program. @returns its exit code and output */
function run(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve) => {
    execFile(program, [...args], { cwd, timeout: CLIENT_MS_MAX }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
      resolve({ code, text: stdout + stderr });
    });
  });
}

/** Bytes that differ from block to block. */
function noise(length: number, seed: number): Buffer {
  const random = seededRandom(seed);
  const bytes = Buffer.alloc(length);
  const part = bytes.subarray(0, Math.min(length, NOISE_BYTES));
  for (let at = 0; at < part.length; at += 1) bytes[at] = random() * 256;
  for (let at = part.length; at < length; at += part.length) {
    part.copy(bytes, at);
    bytes.writeUInt32LE(at, at - 4);
  }
  return bytes;
}

describe('TFTP', () => {
  const base = mkdtempSync(join(tmpdir(), 'rackboot-tftp-'));
  const treeDirectory = mkdtempSync(join(base, 'tree-'));
  const contents = new Map<string, Buffer>();
  const events: RackEvent[] = [];
  let network: HostNetwork;
  let tree: BootTree;
  let server: TftpServer;
  let port = 0;

  let loads = 0;
  const load = async (client: ClientCall, file: string, into = `got-${file}`) => {
    loads += 1;
    const result = await run(client.program, client.args(port, file, into), base);
    return { ...result, bytes: result.code === 0 ? readFileSync(join(base, into)) : Buffer.alloc(0) };
  };

  before(async () => {
    // An empty file, one whose last block is full, and ones of many blocks.
    for (const length of [0, 512, 40_000, 100_000, 600_000]) contents.set(`f${length}`, noise(length, length));
    // More than 65535 blocks of 512.
    contents.set('large', noise(34_000_000, 5));
    for (const [name, bytes] of contents) writeFileSync(join(treeDirectory, name), bytes);
    writeFileSync(join(treeDirectory, 'text'), 'one\ntwo\n');
    network = await openNetwork();
    tree = await BootTree.open(treeDirectory);
    server = new TftpServer({
      network,
      makeTransferRunner: (deps) => new ThreadTransferRunner(deps),
      clock: systemClock,
      files: tree,
      publish: (event) => events.push(event),
      resolve: ({ path }) => ({ kind: 'file', path, mac: undefined }),
    });
    await server.configure({ listen: [LOOPBACK], listenPort: 0, clients: [] });
    port = server.listening[0]?.port ?? 0;
  });

  after(async () => {
    await server.close(0);
    tree.close();
    await network.close();
    rmSync(base, { recursive: true });
  });

  for (const client of [TFTP_HPA, curl('--tftp-no-options'), curl()]) {
    test(`${client.name} loads files`, { skip: missing(client.program) }, async () => {
      for (const [name, bytes] of contents) {
        if (name === 'large') continue;
        const got = await load(client, name);
        assert.equal(got.code, 0, `${name}: ${got.text}`);
        assert.ok(got.bytes.equals(bytes), name);
      }
    });
  }

  for (const client of [...(HAS_MANY_ROUNDS ? [curl()] : []), atftp('blksize 512', 'windowsize 16')]) {
    test(`${client.name} loads past the roll-over of block numbers`, {
      skip: missing(client.program),
    }, async () => {
      const got = await load(client, 'large');
      assert.equal(got.code, 0, got.text);
      assert.ok(got.bytes.equals(contents.get('large') ?? Buffer.alloc(0)));
    });
  }

  test('tftp-hpa loads text in its own default mode, netascii', { skip: missing('tftp') }, async () => {
    await run('tftp', ['-4', '-m', 'ascii', '127.0.0.1', String(port), '-c', 'get', 'text', 'got-text'], base);
    assert.equal(readFileSync(join(base, 'got-text'), 'utf8'), 'one\ntwo\n');
  });

  test('a missing file is refused at once, and so is writing', { skip: missing('curl', 'busybox') }, async () => {
    const absent = await load(curl(), 'absent');
    assert.equal(absent.code, CURL_NOT_FOUND, absent.text);
    const written = await run(
      'busybox',
      ['tftp', '-p', '-l', 'got-f512', '-r', 'new', '127.0.0.1', String(port)],
      base,
    );
    assert.notEqual(written.code, 0);
    assert.match(written.text, /read-only/);
  });

  test('many clients load at the same time', { skip: missing('curl') }, async () => {
    const clients = Array.from({ length: HAS_MANY_ROUNDS ? 40 : 10 }, (_, index) =>
      load(curl('--tftp-blksize', '1428'), 'f600000', `many-${index}`),
    );
    for (const got of await Promise.all(clients))
      assert.ok(got.bytes.equals(contents.get('f600000') ?? Buffer.alloc(0)), got.text);
  });

  // curl and atftp request a timeout of 5 or 6 seconds, which every lost block then costs. So these clients: one without a timeout, one
  // with the shortest, and one whose window makes most losses cost only a round trip.
  const patient = [TFTP_HPA, atftp('blksize 1428', 'timeout 1'), atftp('blksize 1428', 'windowsize 8', 'timeout 1')];
  for (const client of HAS_MANY_ROUNDS ? patient : patient.slice(2)) {
    test(`${client.name} loads whole while packets are lost and duplicated`, {
      skip: missing(client.program),
    }, async () => {
      const relay = await openLossyRelay(port, { seed: 3, loss: 0.02, duplication: 0.02 });
      try {
        const into = 'got-lossy';
        const got = await run(client.program, client.args(relay.port, 'f100000', into), base);
        assert.equal(got.code, 0, got.text);
        assert.ok(readFileSync(join(base, into)).equals(contents.get('f100000') ?? Buffer.alloc(0)));
        assert.ok(relay.counts().lost > 0);
      } finally {
        relay.close();
      }
    });
  }

  for (const loss of HAS_MANY_ROUNDS ? [0.02, 0.05, 0.1] : [])
    test(`a file arrives whole over links of 1 and 50 ms that lose ${loss * 100} % and reorder`, {
      skip: missing('atftp'),
    }, async () => {
      const links = [1, 50].map((delayMs) => ({ seed: 7, loss, duplication: 0.01, delayMs, overtaken: 0.05 }));
      const ended = links.map(async (link) => {
        const relay = await openLossyRelay(port, link);
        try {
          const into = `got-${loss}-${link.delayMs}`;
          const got = await run('atftp', patient[2]?.args(relay.port, 'f40000', into) ?? [], base);
          assert.equal(got.code, 0, got.text);
          assert.ok(readFileSync(join(base, into)).equals(contents.get('f40000') ?? Buffer.alloc(0)));
        } finally {
          relay.close();
        }
      });
      await Promise.all(ended);
      // Of one whose last acknowledgement was lost, the next block meets a closed port.
      await eventually('all have ended', () => server.counters().active === 0);
    });

  test('a file that is replaced during a transfer arrives in its old version', {
    skip: missing('curl'),
  }, async () => {
    const old = noise(20_000_000, 8);
    writeFileSync(join(treeDirectory, 'replaced'), old);
    writeFileSync(join(treeDirectory, 'replaced.new'), noise(20_000_000, 9));
    const into = join(base, 'got-replaced');
    rmSync(into, { force: true });
    const loading = load(curl('--tftp-blksize', '1428'), 'replaced');
    await eventually('its first bytes have come', () => existsSync(into) && statSync(into).size > 0);
    renameSync(join(treeDirectory, 'replaced.new'), join(treeDirectory, 'replaced'));
    assert.ok(statSync(into).size < old.length);
    const got = await loading;
    assert.equal(got.code, 0, got.text);
    assert.ok(got.bytes.equals(old));
  });

  test('nothing is left behind', () => {
    const { active, failed, 'timed-out': timedOut } = server.counters();
    assert.deepEqual({ active, failed, timedOut }, { active: 0, failed: 0, timedOut: 0 });
    // A host may have none of the clients.
    assert.equal(
      events.some(({ kind }) => kind === 'tftp.sent'),
      loads > 0,
    );
  });
});
