// Borrowed bytes: which functions copy them, which do not, and what happens to a kept view of a received datagram.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { WITHOUT_WARNING } from '../../bin/daemon-flags.js';
import {
  borrowedText,
  copyBytes,
  joinBytes,
  RECLAIMED_BYTE,
  reclaim,
  viewBytes,
} from '../../src/ground/borrowed-bytes.ts';
import type { DatagramSocket, ReceivedDatagram } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { ip } from '../support/lab-facts.ts';
import { overwriting, withoutOverwriting } from '../support/overwriting.ts';

describe('copyBytes and viewBytes', () => {
  for (const [name, make] of [
    ['a Uint8Array', () => Uint8Array.of(1, 2, 3, 4)],
    ['a Buffer', () => Buffer.from([1, 2, 3, 4])],
    ['a part of a larger Buffer', () => viewBytes(Buffer.from([0, 1, 2, 3, 4, 5]), 1, 5)],
  ] as const) {
    it(`behave as documented for ${name}`, () => {
      const bytes = make();
      const [copy, view] = [copyBytes(bytes, 1, 3), viewBytes(bytes, 1, 3)];
      bytes.fill(9);
      assert.deepEqual(copy, Uint8Array.of(2, 3));
      assert.deepEqual(view, Uint8Array.of(9, 9));
    });
  }

  const bounds: [start: number, end: number, length: number][] = [
    [0, 10, 4],
    [4, 4, 0],
    [3, 2, 0],
    [9, 12, 0],
  ];
  for (const [start, end, length] of bounds) {
    it(`take bytes ${start} to ${end} of four as ${length}`, () => {
      assert.equal(copyBytes(new Uint8Array(4), start, end).length, length);
      assert.equal(viewBytes(new Uint8Array(4), start, end).length, length);
    });
  }
});

it('joined parts are a copy, in order', () => {
  const parts = [Uint8Array.of(1), new Uint8Array(0), Buffer.from([2, 3])];
  const whole = joinBytes(parts);
  for (const part of parts) part.fill(9);
  assert.deepEqual(whole, Uint8Array.of(1, 2, 3));
  assert.deepEqual(joinBytes([]), new Uint8Array(0));
});

it('reclaimed bytes are overwritten in a process and its threads if the switch is set, and untouched otherwise', () => {
  const program = `
    const { reclaim } = await import(${JSON.stringify(import.meta.resolve('../../src/ground/borrowed-bytes.ts'))});
    const bytes = Buffer.from('abc');
    reclaim(bytes);
    process.stdout.write(bytes.toString('hex') + ' ');`;
  const inThread = `import { Worker } from 'node:worker_threads'; new Worker(${JSON.stringify(program)}, { eval: true });`;
  for (const [env, shown] of [
    [{ ...process.env, ...overwriting() }, 'dbdbdb '],
    [withoutOverwriting(), '616263 '],
  ] as const) {
    for (const text of [program, inThread]) {
      const words = ['--input-type=module', WITHOUT_WARNING, '--eval', text];
      assert.equal(execFileSync(process.execPath, words, { env, encoding: 'utf8' }), shown);
    }
  }
});

it('bytes that are reclaimed are overwritten under test', () => {
  const bytes = Buffer.from('borrowed');
  assert.equal(borrowedText(bytes, 'latin1', 0, 3), 'bor');
  reclaim(bytes);
  assert.ok(bytes.every((byte) => byte === RECLAIMED_BYTE));
});

it('the bytes that a socket received are overwritten when its handler has returned', async () => {
  const network = await openNetwork();
  const kept: ReceivedDatagram[] = [];
  const texts: string[] = [];
  let arrived = (): void => {};
  const all = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const open = (): Promise<DatagramSocket> =>
    network.open({
      address: ip('127.0.0.1'),
      port: 0,
      onDatagrams: (datagrams) => {
        for (const datagram of datagrams) {
          kept.push(datagram);
          texts.push(borrowedText(datagram.bytes, 'latin1'));
        }
        if (kept.length === 3) setImmediate(arrived);
      },
    });
  try {
    const sender = await open();
    const receiver = await open();
    const to = { kind: 'unicast', address: receiver.localAddress, port: receiver.localPort } as const;
    sender.send(['one', 'two', 'three'].map((text) => ({ bytes: Buffer.from(text), to })));
    await all;
    assert.deepEqual(texts, ['one', 'two', 'three']);
    for (const { bytes } of kept) assert.deepEqual(copyBytes(bytes), new Uint8Array(bytes.length).fill(RECLAIMED_BYTE));
  } finally {
    await network.close();
  }
});
