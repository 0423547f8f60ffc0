// TFTP under attack on real loopback sockets: other clients still load, and a host that never asked gets few packets.
// @host waits

import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BootTree } from '../../src/files/file-tree.ts';
import { ipv4 } from '../../src/ground/address.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { TftpServer } from '../../src/tftp/server.ts';
import { ThreadTransferRunner } from '../../src/tftp/transfer-runner.ts';
import { eventually } from '../support/running-rack.ts';
import { encodeAck, encodeRequest } from '../tftp/client-packet.ts';

const RACK = '127.79.0.1';
const VICTIM = '127.79.0.55';
const ATTACKER = '127.79.0.66';
/** Header bytes of a datagram: 20 (IPv4) and 8 (UDP). */
const HEADERS_BYTES = 28;
const WINDOW_BLOCKS = 44;
const SMALL_BYTES = 100_000;
const LARGE_BYTES = 20_000_000;
const ANSWER_MS_MAX = 2000;

const request = (file: string, options: Readonly<Record<string, number>>): Uint8Array =>
  encodeRequest({
    kind: 'read',
    file,
    mode: 'octet',
    options: Object.entries(options).map(([name, value]) => ({ name, value: String(value) })),
  });

/** Every socket of this file; closed at the end, even after a failure. */
const opened = new Set<Socket>();

async function bound(address: string): Promise<Socket> {
  const socket = createSocket('udp4');
  opened.add(socket.on('close', () => opened.delete(socket)));
  socket.bind({ address, port: 0 });
  await once(socket, 'listening');
  return socket;
}

describe('TFTP among hostile hosts', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-tftp-hostile-'));
  let network: HostNetwork;
  let tree: BootTree;
  let server: TftpServer;
  let port = 0;

  before(async () => {
    writeFileSync(join(directory, 'small'), Buffer.alloc(SMALL_BYTES, 5));
    writeFileSync(join(directory, 'large'), Buffer.alloc(LARGE_BYTES, 6));
    network = await openNetwork();
    tree = await BootTree.open(directory);
    server = new TftpServer({
      network,
      makeTransferRunner: (deps) => new ThreadTransferRunner(deps),
      clock: systemClock,
      files: tree,
      publish: () => undefined,
      resolve: ({ path }) => ({ kind: 'file', path, mac: undefined }),
    });
    const clients = [{ address: ipv4(0x7f4f0000), prefix: 24 }];
    await server.configure({ listen: [ipv4(0x7f4f0001)], listenPort: 0, clients });
    port = server.listening[0]?.port ?? 0;
  });

  after(async () => {
    for (const socket of opened) socket.close();
    await server.close(0);
    tree.close();
    await network.close();
    rmSync(directory, { recursive: true });
  });

  /** Starts a transfer and acknowledges its options if `goesOn`. @returns the port that answered; 0 if none did */
  async function begin(from: Socket, bytes: Uint8Array, goesOn: boolean): Promise<number> {
    const answered = new Promise<number>((resolve) => from.once('message', (_, peer) => resolve(peer.port)));
    from.send(bytes, port, RACK);
    const tid = await Promise.race([answered, sleep(ANSWER_MS_MAX).then(() => 0)]);
    if (goesOn && tid !== 0) from.send(encodeAck(0), tid, RACK);
    return tid;
  }

  test('a host that knows the ports of transfers cannot continue one with a forged address', async () => {
    const options = { blksize: 1468, windowsize: WINDOW_BLOCKS };
    const victim = await bound(VICTIM);
    const seen = new Set<number>();
    for (let index = 0; index < 20; index += 1) {
      seen.add(await begin(await bound(ATTACKER), request('small', options), false));
    }
    let received = 0;
    victim.on('message', (bytes) => {
      received += bytes.length + HEADERS_BYTES;
    });
    // Sent from the victim's socket, like a forged source address; the answers are only counted.
    let sent = 0;
    const forge = (bytes: Uint8Array, to: number): void => {
      sent += bytes.length + HEADERS_BYTES;
      victim.send(bytes, to, RACK);
    };
    forge(request('large', options), port);
    await sleep(50);
    for (let block = 0; block < LARGE_BYTES / 1468; block += WINDOW_BLOCKS) {
      for (const tid of seen) forge(encodeAck(block), tid);
      await sleep(2);
    }
    await sleep(4000);
    const factor = received / sent;
    assert.ok(factor < 3, `${received} bytes for ${sent}: × ${factor.toFixed(1)}`);
    assert.ok(received <= 3 * (60 + HEADERS_BYTES), `${received} bytes were sent to a host that never answered`);
  });

  test('an ICMP report of a closed port ends the transfer', async () => {
    const before = server.counters();
    const client = await bound(VICTIM);
    await new Promise((resolve) => client.send(request('large', {}), port, RACK, resolve));
    client.close();
    await eventually('it has begun', () => server.counters().requests > before.requests);
    await eventually('it has ended', () => server.counters().unreachable > before.unreachable);
    assert.equal(server.counters().blocks - before.blocks, 1);
  });
});
