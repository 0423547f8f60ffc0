// Which datagrams get space in a send buffer that is nearly full.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Ipv4, ipv4 } from '../../../src/ground/address.ts';
import {
  CHECK_EVERY,
  PROBED_HOSTS_MAX,
  readArpTable,
  SendSpace,
  type Vicinity,
} from '../../../src/net/datagrams/send-space.ts';
import { ip } from '../../support/lab-facts.ts';

const PRESENT = ip('10.20.0.10');
const ABSENT = ip('10.20.0.77');

class Rig {
  usedBytes = 0;
  looks = 0;
  vicinity: Vicinity = vicinityOf();
  readonly space = new SendSpace(
    () => {
      this.looks += 1;
      return { usedBytes: this.usedBytes, bufferBytes: 1000 };
    },
    () => this.vicinity,
  );

  /** How many of `count` datagrams to an address are admitted. */
  admitted(address: Ipv4, count: number): number {
    return Array.from({ length: count }, () => this.space.admits(address)).filter((yes) => yes).length;
  }
}

const vicinityOf = (): Vicinity => ({ isAbsent: (address) => address !== PRESENT && address >>> 8 === PRESENT >>> 8 });

describe('a send buffer', () => {
  it('with enough space takes datagrams to any host, and is checked once in CHECK_EVERY', () => {
    const rig = new Rig();
    rig.usedBytes = 249;
    assert.equal(rig.admitted(ABSENT, CHECK_EVERY * 10), CHECK_EVERY * 10);
    assert.equal(rig.looks, 10);
  });

  it('that is short of space takes one datagram to an absent host, and all to hosts that are present or behind a router', () => {
    const rig = new Rig();
    rig.usedBytes = 250;
    rig.admitted(PRESENT, CHECK_EVERY);
    assert.equal(rig.admitted(ABSENT, 100), 1);
    assert.equal(rig.admitted(ip('10.20.0.78'), 100), 1);
    assert.equal(rig.admitted(PRESENT, 100), 100);
    assert.equal(rig.admitted(ip('192.0.2.1'), 100), 100);
  });

  it('that is short of space takes another one to an absent host after the ARP table was read again', () => {
    const rig = new Rig();
    rig.usedBytes = 500;
    rig.admitted(PRESENT, CHECK_EVERY);
    assert.equal(rig.admitted(ABSENT, 100), 1);
    rig.vicinity = vicinityOf();
    assert.equal(rig.admitted(ABSENT, 100), 1);
  });

  it('that is short of space takes one datagram to each of ASKED_MAX absent hosts, and all to present hosts', () => {
    const rig = new Rig();
    rig.vicinity = { isAbsent: (address) => address !== PRESENT };
    rig.usedBytes = 500;
    rig.admitted(PRESENT, CHECK_EVERY);
    const invented = (index: number): Ipv4 => ipv4(0x0a00_0000 + index);
    for (let index = 0; index < PROBED_HOSTS_MAX; index += 1)
      assert.equal(rig.admitted(invented(index), 1), 1, `${index}`);
    assert.equal(rig.admitted(invented(PROBED_HOSTS_MAX), 1), 0);
    assert.equal(rig.admitted(PRESENT, 100), 100);
    rig.vicinity = { isAbsent: (address) => address !== PRESENT };
    assert.equal(rig.admitted(invented(PROBED_HOSTS_MAX), 1), 1, 'the table was read again');
  });

  it('that is nearly full takes no datagram to absent hosts', () => {
    const rig = new Rig();
    rig.usedBytes = 750;
    rig.admitted(PRESENT, CHECK_EVERY);
    assert.equal(rig.admitted(ABSENT, 100), 0);
    assert.equal(rig.admitted(PRESENT, 100), 100);
  });

  it('that was short of space has enough again only below an eighth', () => {
    const rig = new Rig();
    rig.usedBytes = 250;
    rig.admitted(PRESENT, CHECK_EVERY);
    rig.usedBytes = 125;
    assert.equal(rig.admitted(ABSENT, 100), 1);
    rig.usedBytes = 124;
    assert.equal(rig.admitted(ABSENT, 100), 100);
  });
});

it('complete entries of the ARP table count as present', () => {
  const text = [
    'IP address       HW type     Flags       HW address            Mask     Device',
    '10.20.0.10       0x1         0x2         52:54:00:12:34:56     *        br0',
    '10.20.0.77       0x1         0x0         00:00:00:00:00:00     *        br0',
    '10.20.0.11       0x1         0x6         52:54:00:12:34:57     *        br0',
    'rubbish',
    '',
  ].join('\n');
  assert.deepEqual([...readArpTable(text)], [ip('10.20.0.10'), ip('10.20.0.11')]);
});
