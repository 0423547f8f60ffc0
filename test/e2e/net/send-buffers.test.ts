// The size of the send buffers, as the kernel reports it.
// @host waits

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseIpv4 } from '../../../src/ground/address.ts';
import { formatBytes } from '../../../src/ground/quantity.ts';
import { openNetwork, SEND_BUFFER_BYTES } from '../../../src/net/datagrams/udp-linux.ts';
import { noteText } from '../../../src/region/reports/notes.ts';
import { missing } from '../../support/needs.ts';

const LOOPBACK = parseIpv4('127.0.0.1') ?? assert.fail();
/** More than any system allows. */
const TOO_MUCH_BYTES = 1024 * 1024 * 1024;

/** The default buffer of a socket. */
async function defaultBytes(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const bytes = socket.getSendBufferSize();
  socket.close();
  return bytes;
}

/** The buffer of a socket of the network that requested this size, and whether the network reports a smaller one. */
async function granted(sendBufferBytes?: number) {
  const network = await openNetwork(sendBufferBytes);
  try {
    const socket = await network.open({ address: LOOPBACK, port: 0, onDatagrams: () => undefined });
    const note = network.notes.find((each) => each.note === 'send-buffer-small');
    return { bytes: socket.counters().sendBufferBytes, note: note && noteText(note) };
  } finally {
    await network.close();
  }
}

describe('send buffers', { skip: missing('linux') }, () => {
  const allowedBytes = Number(readFileSync('/proc/sys/net/core/wmem_max', 'utf8'));

  it('are SEND_BUFFER_BYTES, or as large as the system allows, which is then reported', async () => {
    const { bytes, note } = await granted();
    // The kernel keeps and reports twice the number (socket(7)).
    assert.equal(bytes, 2 * Math.min(SEND_BUFFER_BYTES, allowedBytes));
    assert.equal(note !== undefined, allowedBytes < SEND_BUFFER_BYTES);
    assert.notEqual(bytes, await defaultBytes(), 'this is what a socket has that asks for nothing');
  });

  it('that are smaller than requested are reported, with the command that helps', async () => {
    const { bytes, note } = await granted(TOO_MUCH_BYTES);
    assert.equal(bytes, 2 * allowedBytes);
    assert.equal(
      note,
      `Send buffers hold ${formatBytes(allowedBytes)} instead of 1.0 GiB, so absent hosts can delay replies to other hosts: sysctl -w net.core.wmem_max=${TOO_MUCH_BYTES}.`,
    );
  });
});
