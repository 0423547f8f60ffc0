// The thread that carries TFTP transfers, in a running rack on loopback: half a thousand clients at once, a disk that hangs, and its own end.
// The network's faults are in tftp.test.ts.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { inspectorOptions, runInThread } from '../support/daemon-thread.ts';
import { HeldFile } from '../support/held-file.ts';
import { missing } from '../support/needs.ts';
import { DhcpProbes, loadByTftp } from '../support/probes.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { encodeAck, encodeRequest } from '../tftp/client-packet.ts';

const PLACE = labPlace(85);
const RACK = `${PLACE.octets}.1`;
const INSPECTOR_PORT = 15_928;
const CLIENTS = 500;
const BLOCK_BYTES = 1428;
const LARGE_BYTES = 512 * 1024;
/** Five hundred copies of the file would be more than twice as much. The rack of a lab has not rehearsed: its code is compiled meanwhile. */
const GROWTH_BYTES_MAX = 112 * 1024 * 1024;
/** The longest wait for a file while another one is stuck, or for a lease, on a busy host. */
const PROMPT_MS_MAX = 3000;
const DATA = 3;

function noise(length: number): Buffer {
  const random = seededRandom(length);
  return Buffer.from(Uint8Array.from({ length }, () => random() * 256));
}

const countersShape = z.object({ tftp: z.object({ counters: z.record(z.string(), z.unknown()) }) });

/** True if a socket of this host is connected to this port (proc_net_udp). */
const hasSocketTo = (port: number): boolean =>
  new RegExp(`^ *\\d+: \\w+:\\w+ \\w+:${port.toString(16).toUpperCase().padStart(4, '0')} `, 'm').test(
    readFileSync('/proc/net/udp', 'latin1'),
  );

/** A client that compares each block, and stops after the first until it is told to go on. */
class Client {
  readonly #socket: Socket;
  readonly #content: Buffer;
  readonly #ended = Promise.withResolvers<void>();
  #port = 0;
  #taken = 0;
  #isGoing = false;

  private constructor(socket: Socket, content: Buffer) {
    this.#socket = socket;
    this.#content = content;
    // One that is never told to go on may still be refused.
    this.#ended.promise.catch(() => undefined);
    socket.on('message', (bytes, { port }) => this.#receive(bytes, port));
    socket.on('error', this.#ended.reject);
  }

  static async ask(file: string, content: Buffer): Promise<Client> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const client = new Client(socket, content);
    const options = [{ name: 'blksize', value: String(BLOCK_BYTES) }];
    socket.send(encodeRequest({ kind: 'read', file, mode: 'octet', options }), PLACE.tftpPort, RACK);
    return client;
  }

  get ownPort(): number {
    return this.#socket.address().port;
  }

  /** The rack's port for this transfer. */
  get port(): number {
    return this.#port;
  }

  get hasFirst(): boolean {
    return this.#taken > 0;
  }

  /** Loads the rest. Rejects if a block differs, or the rack sends an error. */
  async finish(): Promise<void> {
    this.#isGoing = true;
    this.#acknowledge();
    await this.#ended.promise;
  }

  close(): void {
    this.#socket.close();
  }

  #receive(bytes: Buffer, port: number): void {
    this.#port = port;
    if (bytes[1] === DATA) this.#take(bytes.readUInt16BE(2), bytes.subarray(4));
    else if (bytes[1] === 6) this.#acknowledge();
    else this.#ended.reject(new Error(`the rack sent ${bytes.toString('latin1')}`));
  }

  #take(block: number, payload: Buffer): void {
    if (block === this.#taken + 1) {
      const from = this.#taken * BLOCK_BYTES;
      if (!payload.equals(this.#content.subarray(from, from + BLOCK_BYTES)))
        this.#ended.reject(new Error(`block ${block} differs`));
      this.#taken = block;
    } else if (block !== this.#taken) return;
    if (!this.#isGoing) return;
    this.#acknowledge();
    if (payload.length < BLOCK_BYTES) this.#ended.resolve();
  }

  #acknowledge(): void {
    this.#socket.send(encodeAck(this.#taken), this.#port, RACK);
  }
}

describe('the thread of TFTP transfers', { skip: missing('linux') }, () => {
  const rack = new RunningRack(PLACE);
  const large = noise(LARGE_BYTES);
  const small = noise(100_000);
  const nodeOptions = process.env.NODE_OPTIONS;
  let probes: DhcpProbes;

  before(async () => {
    writeFileSync(join(rack.tree, 'large'), large);
    writeFileSync(join(rack.tree, 'small'), small);
    process.env.NODE_OPTIONS = inspectorOptions(INSPECTOR_PORT);
    await rack.startWhole();
    probes = await DhcpProbes.open(PLACE);
  });
  after(async () => {
    if (nodeOptions === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = nodeOptions;
    await probes?.close();
    await rack.remove();
  });

  const counters = async () => countersShape.parse(await rack.ask('/status')).tftp.counters;
  const loadSmall = async (): Promise<number> => {
    const { value, ms } = await loadByTftp(RACK, PLACE.tftpPort, 'small');
    assert.ok(small.equals(value));
    return ms;
  };
  const memoryBytes = (): number =>
    Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${rack.pid}/status`, 'latin1'))?.[1]) * 1024;

  test('500 clients behind one address load at once: every block is right, and they share what is in memory', async () => {
    await loadSmall();
    const before = memoryBytes();
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Client.ask('large', large)));
    try {
      await eventually('each has its first block', () => clients.every(({ hasFirst }) => hasFirst));
      assert.equal((await counters()).active, CLIENTS);
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, memoryBytes());
      }, 100);
      await Promise.all(clients.map((client) => client.finish())).finally(() => clearInterval(watch));
      assert.ok(most - before < GROWTH_BYTES_MAX, `${before} grew to ${most} bytes`);
      await eventually('all have ended', async () => (await counters()).active === 0);
      const { failed, 'timed-out': timedOut, 'gave-way': gaveWay } = await counters();
      assert.deepEqual({ failed, timedOut, gaveWay }, { failed: 0, timedOut: 0, gaveWay: 0 });
    } finally {
      for (const client of clients) client.close();
    }
  });

  test("a wrong port of the client's host is told error 5, eight times, and the transfer goes on", async () => {
    const client = await Client.ask('large', large);
    const stray = createSocket('udp4');
    const answers: string[] = [];
    stray.on('message', (bytes, { port }) => answers.push(`${port} ${bytes.toString('hex', 0, 4)}`));
    try {
      await eventually('it has its first block', () => client.hasFirst);
      const packets = [
        encodeAck(1),
        Buffer.from('0005000000', 'hex'),
        ...Array.from({ length: 10 }, () => encodeAck(9)),
      ];
      for (const packet of packets) stray.send(packet, client.port, RACK);
      await eventually('it is answered', () => answers.length >= 8);
      await client.finish();
      assert.deepEqual(answers, Array(8).fill(`${client.port} 00050005`));
    } finally {
      client.close();
      stray.close();
    }
  });

  for (const [name, code, reason] of [
    ['a thrown error', 'Math.ceil = () => { throw new Error("a thread that falls") }', /a thread that falls/],
    ['the end of its memory', 'const junk = []; for (;;) junk.push([junk.length])', /memory limit/],
    ['its exit', 'process.exit(7)', /ended/],
  ] as const)
    test(`that ends by ${name} is reported and starts again, and DHCP goes on`, async () => {
      await loadSmall();
      const macs = Array.from({ length: 20 }, () => probes.newMac());
      const held = await Client.ask('large', large);
      let over = false;
      const slowest = (async () => {
        let ms = 0;
        for (let turn = 0; !over; turn += 1, await sleep(20)) {
          const { offerMs, ackMs } = await probes.lease(macs[turn % macs.length]);
          ms = Math.max(ms, offerMs, ackMs);
        }
        return ms;
      })();
      try {
        await eventually('a transfer runs', () => held.hasFirst);
        assert.ok(hasSocketTo(held.ownPort));
        const from = rack.lines.length;
        await runInThread({ pid: rack.pid, inspectorPort: INSPECTOR_PORT, name: 'tftp' }, code);
        const interrupted = await rack.reported('tftp.interrupted', { from });
        assert.match(String(interrupted.reason), reason);
        const failed = await rack.reported('tftp.failed', { from });
        assert.deepEqual([failed.file, failed.reason], ['large', interrupted.reason]);
        await loadSmall();
        await eventually('no transfer is left', async () => (await counters()).active === 0);
        // Without JavaScript's own end, the thread cannot close it.
        if (reason.source.includes('falls')) assert.equal(hasSocketTo(held.ownPort), false, 'its socket is closed');
      } finally {
        over = true;
        held.close();
      }
      const ms = await slowest;
      assert.ok(ms < PROMPT_MS_MAX, `a client of DHCP waited for ${ms} ms`);
    });

  describe('with a disk that hangs', { skip: missing('root', 'mount', 'mke2fs') }, () => {
    const content = noise(300_000);
    /** Loads the other files while a file is stuck, and that file when it no longer is. */
    const loadPast = async (disk: HeldFile, stuck: string, others: readonly (() => Promise<number>)[]) => {
      for (const other of others) await other();
      disk.hold();
      const { heldReads } = disk;
      const waits = loadByTftp(RACK, PLACE.tftpPort, stuck);
      await eventually('the disk is asked', () => disk.heldReads > heldReads);
      for (let round = 0; round < 3; round += 1)
        for (const other of others) {
          const ms = await other();
          assert.ok(ms < PROMPT_MS_MAX, `another file took ${ms} ms`);
        }
      disk.release();
      assert.ok(content.equals((await waits).value));
    };

    test('only its own transfers wait where the kernel cannot tell what is in memory', async (t) => {
      const source = join(rack.directory, 'held');
      writeFileSync(source, content);
      const path = join(rack.tree, 'held');
      writeFileSync(path, '');
      const disk = await HeldFile.mount(source, path);
      t.after(() => disk.close());
      await loadPast(disk, 'held', [loadSmall]);
    });

    test('only transfers wait that need what is not in memory', async (t) => {
      const files = join(rack.directory, 'files');
      mkdirSync(files);
      writeFileSync(join(files, 'stuck'), content);
      writeFileSync(join(files, 'loaded'), small);
      const [source, path, mounted] = ['image', 'disk', 'boot/disk'].map((name) => join(rack.directory, name)) as [
        string,
        string,
        string,
      ];
      execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', files, source, '8m']);
      writeFileSync(path, '');
      mkdirSync(mounted);
      const disk = await HeldFile.mount(source, path);
      t.after(() => disk.close());
      execFileSync('mount', ['-o', 'loop,ro,noload', path, mounted]);
      t.after(() => execFileSync('umount', ['--lazy', mounted]));
      const loadCached = async (): Promise<number> => {
        const { value, ms } = await loadByTftp(RACK, PLACE.tftpPort, 'disk/loaded');
        assert.ok(small.equals(value));
        return ms;
      };
      await loadPast(disk, 'disk/stuck', [loadSmall, loadCached]);
    });
  });
});
