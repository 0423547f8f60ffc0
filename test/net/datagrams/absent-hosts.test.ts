// The number of absent hosts that get replies.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Ipv4, ipv4 } from '../../../src/ground/address.ts';
import { AbsentHosts, CHECK_FROM, FRESH_MS, WAIT_MS } from '../../../src/net/datagrams/absent-hosts.ts';
import type { Vicinity } from '../../../src/net/datagrams/send-space.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

// The bound, written out: raising it fails a test here.
const ABSENT_HOSTS_MAX = 256;
const host = (index: number): Ipv4 => ipv4(0x0a140000 + index);
const FAR = ipv4(0xc0000201);

class Rig {
  readonly clock = new VirtualClock();
  readonly heard = new Set<Ipv4>();
  looks = 0;
  /** The maximum table ages that were requested. */
  ages: (number | undefined)[] = [];
  readonly hosts = new AbsentHosts(this.clock, {
    getVicinity: (ageMsMax) => {
      this.looks += 1;
      this.ages.push(ageMsMax);
      return this.#read(ageMsMax ?? 500);
    },
  });
  #known: { readonly vicinity: Vicinity; readonly at: number } | undefined;

  /** How many of these hosts get replies. */
  admitted(from: number, count: number): number {
    return Array.from({ length: count }, (_, index) => this.hosts.admits(host(from + index))).filter(Boolean).length;
  }

  #read(ageMsMax: number): Vicinity {
    const now = this.clock.now();
    if (this.#known === undefined || now - this.#known.at >= ageMsMax) {
      const heard = new Set(this.heard);
      this.#known = { at: now, vicinity: { isAbsent: (address) => address !== FAR && !heard.has(address) } };
    }
    return this.#known.vicinity;
  }
}

describe('absent hosts', () => {
  it('get replies up to the bound, repeatedly; the next one gets none until the kernel waits for none of them', () => {
    const rig = new Rig();
    assert.equal(rig.admitted(0, 4000), ABSENT_HOSTS_MAX);
    assert.equal(rig.admitted(0, ABSENT_HOSTS_MAX), ABSENT_HOSTS_MAX);
    rig.clock.advance(WAIT_MS - 1);
    assert.equal(rig.admitted(1000, 10), 0);
    rig.clock.advance(1);
    assert.equal(rig.admitted(1000, 10), 10);
  });

  it('do not reduce replies to heard hosts, or to hosts behind a router', () => {
    const rig = new Rig();
    rig.heard.add(host(70_000));
    rig.admitted(0, 4000);
    assert.ok(rig.hosts.admits(host(70_000)));
    assert.ok(rig.hosts.admits(FAR));
  });

  it('are not looked up while they are few', () => {
    const rig = new Rig();
    for (let round = 0; round < 100; round += 1) rig.admitted(0, CHECK_FROM);
    assert.equal(rig.looks, 0);
  });

  it('do not include a thousand machines that boot together: each has sent an ARP request for us before', () => {
    const rig = new Rig();
    // Two thousand a second: each has just arrived, so no reading of the table is fresh.
    for (let index = 0; index < 1000; index += 1) {
      rig.heard.add(host(index));
      rig.clock.advance(0.5);
      assert.ok(rig.hosts.admits(host(index)), `machine ${index}, ${rig.clock.now()}`);
    }
    assert.ok(rig.ages.includes(FRESH_MS), 'the bound was reached');
  });
});
