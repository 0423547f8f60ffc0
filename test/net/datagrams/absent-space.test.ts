import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { instant } from '../../../src/clock.ts';
import type { Ipv4 } from '../../../src/net/address.ts';
import { AbsentSpace, WAIT_MS } from '../../../src/net/datagrams/absent-space.ts';
import { ip } from '../../support/lab-facts.ts';

const PRESENT = ip('10.20.0.10');
const ABSENT = ip('10.20.0.77');
const BUFFER_BYTES = 212_992;
/** Buffer space of one small datagram. */
const SMALL = 100;
const KERNEL_BYTES = 768 + 2 * SMALL;

function rig() {
  const space = new AbsentSpace(BUFFER_BYTES, () => ({ isAbsent: (address) => address !== PRESENT }));
  return (address: Ipv4, count: number, atMs: number, bytes = SMALL): number => {
    let admitted = 0;
    for (let index = 0; index < count; index += 1) if (space.admits(address, bytes, instant(atMs))) admitted += 1;
    return admitted;
  };
}

describe('a send buffer that cannot be inspected', () => {
  it('accepts everything for present hosts, whatever waits for others', () => {
    const admitted = rig();
    admitted(ABSENT, 10_000, 0);
    assert.equal(admitted(PRESENT, 10_000, 0), 10_000);
  });

  it('never gives more than a quarter to absent hosts', () => {
    const admitted = rig();
    const times: number[] = [];
    for (let atMs = 0; atMs < 20_000; atMs += 10) {
      for (let passed = admitted(ABSENT, 40, atMs); passed > 0; passed -= 1) times.push(atMs);
    }
    for (const atMs of [0, WAIT_MS - 10, WAIT_MS, 10_000, 19_990]) {
      const waiting = times.filter((sentAt) => sentAt <= atMs && sentAt > atMs - WAIT_MS).length;
      assert.ok(waiting * KERNEL_BYTES <= BUFFER_BYTES / 4, `${waiting} after ${atMs} ms`);
      assert.ok(waiting > 0);
    }
  });

  it('regains exactly the space of datagrams that have gone', () => {
    const admitted = rig();
    const most = admitted(ABSENT, 1000, 0);
    assert.equal(admitted(ABSENT, 1000, WAIT_MS), most);
    assert.equal(admitted(ABSENT, 1000, 100 * WAIT_MS), most);
    assert.equal(admitted(ABSENT, 1000, 0), 0, 'the clock went backwards');
  });

  it('accepts one datagram that is larger than all its space', () => {
    const admitted = rig();
    assert.equal(admitted(ABSENT, 10, 0, 60_000), 1);
    assert.equal(admitted(ABSENT, 10, WAIT_MS, 60_000), 0);
  });
});
