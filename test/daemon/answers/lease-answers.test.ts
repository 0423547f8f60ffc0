// Long lists of leases do not block the rack loop: the work in each turn is counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControlRequest } from '../../../src/control/requests.ts';
import { isIterable } from '../../../src/control/requests.ts';
import { type LeaseRack, makeLeaseAnswers, TURN_LEASES } from '../../../src/daemon/answers/lease-answers.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import type { LeaseReport } from '../../../src/dhcp/leases/lease-report.ts';
import { LeaseTable } from '../../../src/dhcp/leases/lease-table.ts';
import { formatIpv4, ipv4, type MacAddress, mac } from '../../../src/ground/address.ts';
import { instant, later, seconds } from '../../../src/ground/clock.ts';
import { ListInPieces } from '../../../src/http/send.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';

const NOW = instant(1_700_000_000_000);
const COUNT = 5000;

/** The work in the busiest turn of the event loop. */
class Turns {
  #inThisTurn = 0;
  #isOver = false;
  most = 0;

  constructor() {
    const next = (): void => {
      this.#inThisTurn = 0;
      if (!this.#isOver) setImmediate(next);
    };
    setImmediate(next);
  }
  note(): void {
    this.#inThisTurn += 1;
    this.most = Math.max(this.most, this.#inThisTurn);
  }
  end(): void {
    this.#isOver = true;
  }
}

/** A rack with unordered leases that counts each access. */
function rackOf(looked: Turns, reported: Turns): LeaseRack {
  const table = new LeaseTable();
  const leaseAt = (index: number): Lease => ({
    address: ipv4(0x0a140000 + ((index * 7919) % COUNT) * 50),
    mac: mac(0x525400000000 + index),
    state: 'bound',
    grantedAt: NOW,
    expiresAt: later(NOW, 600_000),
    duration: seconds(600),
  });
  table.load(
    Array.from({ length: COUNT }, (_, index) => leaseAt(index)),
    NOW,
  );
  class Machines extends MachineDirectory {
    override findByMac(one: MacAddress): ReturnType<MachineDirectory['findByMac']> {
      reported.note();
      return super.findByMac(one);
    }
  }
  return {
    networks: [],
    served: [],
    machines: new Machines([]),
    *leases() {
      for (const lease of table.records()) {
        looked.note();
        yield lease;
      }
    },
    findLease: (address) => table.find(address),
    leaseCommands: {
      getImportFacts: () => assert.fail(),
      adopt: () => assert.fail(),
      end: () => assert.fail(),
      clear: () => assert.fail(),
    },
  };
}

const clock = { now: () => NOW, wallTimeMs: () => NOW };
const asked: ControlRequest = { query: new URLSearchParams(), body: async () => '' };
/** The end of one pass and the beginning of the next may share a turn. */
const MOST = 2 * TURN_LEASES;

for (const path of ['/leases', '/leases/lines']) {
  test(`${path} examines and lists a bounded number of leases per turn, and each lease once`, async () => {
    const [looked, reported] = [new Turns(), new Turns()];
    const rack = rackOf(looked, reported);
    const answer = makeLeaseAnswers({ rack: () => rack, clock })[path]?.(asked);
    const pieces = answer instanceof ListInPieces ? answer.pieces : answer;
    assert.ok(isIterable(pieces));
    const addresses: string[] = [];
    let last: unknown;
    for await (const piece of pieces) {
      last = piece;
      if (Array.isArray(piece)) addresses.push(...piece.map(({ address }: LeaseReport) => address));
    }
    looked.end();
    reported.end();
    const expected = Array.from({ length: COUNT }, (_, index) => formatIpv4(ipv4(0x0a140000 + index * 50)));
    if (path === '/leases') assert.deepEqual(addresses, expected, 'ordered by address');
    else assert.deepEqual(addresses.toSorted(), expected.toSorted());
    if (path === '/leases/lines') assert.equal(last, COUNT);
    assert.ok(looked.most <= MOST, `${looked.most} leases were looked at in one turn`);
    assert.ok(reported.most <= MOST, `${reported.most} leases were reported in one turn`);
  });
}
