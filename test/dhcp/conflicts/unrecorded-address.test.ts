// A client asks for an address of which this rack has no record that it is the client's: the rack asks the wire before it agrees, because
// since then (or in the leases that were lost) another host may have it. RFC 2131 §2.2, §4.3.2.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import type { MacAddress } from '../../../src/ground/address.ts';
import { later } from '../../../src/ground/clock.ts';
import { WireRack, type Words } from '../../conformance/wire-rack.ts';
import { hw, ip } from '../../support/lab-facts.ts';
import { config, leaseAt, MAC_A, MAC_B, machine, settle, subnet } from '../lab.ts';

const OTHER = hw('02:00:00:00:00:99');
const ADDRESS = ip('10.20.0.105');
const ON_WIRE = 'eth1';
const TO_RACK = '10.20.0.1';
const renew = (more: Words = {}): Words => ({ type: 'request', mac: MAC_A, ciaddr: ADDRESS, ...more });

/** The holder of the address by the record, and the end of its lease, in seconds from now. */
type StoredFor = readonly [mac: MacAddress, endsInS: number];

/** A rack on a shared network where this host uses the address; with undefined, none does. */
async function start(user: MacAddress | undefined, network: DhcpSubnet = subnet(), stored: readonly StoredFor[] = []) {
  const asked: number[] = [];
  const rack = await WireRack.start({
    config: config(network),
    findConflict: async (address) => {
      asked.push(address);
      return address === ADDRESS ? user : undefined;
    },
  });
  const now = rack.clock.now();
  const leases = stored.map(([mac, endsInS]) => ({
    ...leaseAt(mac, '10.20.0.105', 0),
    grantedAt: later(now, (endsInS - 600) * 1000),
    expiresAt: later(now, endsInS * 1000),
  }));
  rack.table.load(leases, now);
  return {
    rack,
    asked,
    /** The answers at once, and after the probe. */
    async say(words: Words, socket = ON_WIRE): Promise<readonly string[]> {
      const now = rack.say(words, socket).map(({ type }) => type);
      await settle();
      rack.journal.commit();
      return [
        now.join(),
        rack
          .take()
          .map(({ type }) => type)
          .join(),
      ];
    },
    reported: (kind: string) => rack.events.splice(0).filter((event) => event.kind === kind),
  };
}

describe('an extension without a record', () => {
  for (const socket of [ON_WIRE, TO_RACK]) {
    test(`is agreed to when the wire is silent (${socket})`, async () => {
      const { rack, asked, say, reported } = await start(undefined);
      assert.deepEqual(await say(renew(), socket), ['', 'ACK']);
      assert.deepEqual(asked, [ADDRESS]);
      assert.equal(rack.table.find(ADDRESS)?.mac, MAC_A);
      assert.equal(reported('dhcp.ack').length, 1);
      assert.deepEqual(await say(renew(), socket), ['ACK', ''], 'its lease runs now');
    });

    test(`is agreed to when the client itself answers, as it does after a lost database (${socket})`, async () => {
      const { asked, say, reported } = await start(MAC_A);
      assert.deepEqual(await say(renew(), socket), ['', 'ACK']);
      assert.deepEqual([asked, reported('dhcp.conflict')], [[ADDRESS], []]);
    });

    test(`is denied when another host answers, and the address is set aside (${socket})`, async () => {
      const { rack, say, reported } = await start(OTHER);
      assert.deepEqual(await say(renew(), socket), ['', 'NAK']);
      assert.deepEqual(
        reported('dhcp.conflict').map(({ address, mac, usedBy }) => [address, mac, usedBy]),
        [[ADDRESS, MAC_A, '02:00:00:00:00:99']],
      );
      assert.equal(rack.table.find(ADDRESS)?.state, 'declined');
    });
  }

  test('of an address that another client had before is asked about as well', async () => {
    const { asked, say } = await start(OTHER, subnet(), [[MAC_B, -60]]);
    assert.deepEqual(await say(renew()), ['', 'NAK']);
    assert.deepEqual(asked, [ADDRESS]);
  });

  test('of an address that is fixed for the client is asked about as well', async () => {
    const { rack, say, reported } = await start(OTHER);
    rack.know(machine(MAC_A, '10.20.0.105'));
    assert.deepEqual(await say(renew()), ['', 'NAK']);
    assert.equal(reported('dhcp.fixed-address-used').length, 1);
  });

  test('that is repeated while the wire is asked leads to one question and one answer', async () => {
    const { rack, asked, say } = await start(undefined);
    rack.say(renew());
    assert.deepEqual(await say(renew()), ['', 'ACK']);
    assert.deepEqual(asked, [ADDRESS]);
    assert.equal(rack.refused('probe-running'), 1);
  });

  test('keeps its address from other clients while the wire is asked', async () => {
    const { rack, say } = await start(undefined);
    rack.say(renew());
    rack.say({ type: 'discover', mac: MAC_B, requested: ADDRESS });
    await say(renew({ mac: MAC_B }));
    assert.equal(rack.table.find(ADDRESS)?.mac, MAC_A);
  });
});

describe('nothing is probed, and no client waits', () => {
  test('for a lease that runs', async () => {
    const { asked, say } = await start(OTHER, subnet(), [[MAC_A, 60]]);
    assert.deepEqual([await say(renew()), asked], [['ACK', ''], []]);
  });

  test('for a client that comes late: the record says that no other client has had the address since', async () => {
    const { asked, say } = await start(OTHER, subnet(), [[MAC_A, -60]]);
    assert.deepEqual([await say(renew()), asked], [['ACK', ''], []]);
  });

  test('where the operator does not want it', async () => {
    const { asked, say } = await start(OTHER, subnet({ conflictCheck: false }));
    assert.deepEqual([await say(renew()), asked], [['ACK', ''], []]);
  });
});

describe('SELECTING an address that is not on offer', () => {
  const select: Words = { type: 'request', mac: MAC_A, requested: ADDRESS, server: ip(TO_RACK) };

  test('is denied when another host answers, and the address is set aside', async () => {
    const { rack, asked, say, reported } = await start(OTHER);
    assert.deepEqual(await say(select), ['', 'NAK']);
    assert.deepEqual(asked, [ADDRESS]);
    assert.equal(reported('dhcp.conflict').length, 1);
    assert.equal(rack.table.find(ADDRESS)?.state, 'declined');
  });

  test('is agreed to when the wire is silent: the offer was forgotten in a restart', async () => {
    const { rack, asked, say } = await start(undefined);
    assert.deepEqual(await say(select), ['', 'ACK']);
    assert.deepEqual(asked, [ADDRESS]);
    assert.equal(rack.table.find(ADDRESS)?.mac, MAC_A);
  });

  for (const [name, first] of [
    ['the same REQUEST', select],
    ['INIT-REBOOT', { type: 'request', mac: MAC_A, requested: ADDRESS }],
    ['a DISCOVER', { type: 'discover', mac: MAC_A, requested: ADDRESS }],
  ] as const) {
    test(`while the probe that ${name} caused still runs is not an acceptance of an offer`, async () => {
      const { rack, say } = await start(OTHER, subnet({ authoritative: 'yes' }));
      rack.say(first);
      assert.equal((await say(select))[0], '');
      assert.equal(rack.table.find(ADDRESS)?.state, 'declined');
    });
  }

  test('is agreed to at once if the client had it last', async () => {
    const { asked, say } = await start(OTHER, subnet(), [[MAC_A, -60]]);
    assert.deepEqual([await say(select), asked], [['ACK', ''], []]);
  });

  test('that is fixed for the client is asked about, and ends no running lease', async () => {
    const { rack, asked, say } = await start(undefined);
    const held = leaseAt(MAC_A, '10.20.0.106', 0);
    const now = rack.clock.now();
    rack.table.load([{ ...held, grantedAt: now, expiresAt: later(now, 600_000) }], now);
    rack.know(machine(MAC_A, '10.20.0.105'));
    assert.deepEqual(await say(select), ['', 'ACK']);
    assert.deepEqual(asked, [ADDRESS]);
    assert.equal(rack.table.find(ip('10.20.0.106'))?.state, 'bound');
  });
});

test('an offer that was made is accepted without another question', async () => {
  const { asked, say } = await start(undefined);
  await say({ type: 'discover', mac: MAC_A, requested: ADDRESS });
  const before = asked.length;
  assert.deepEqual(await say({ type: 'request', mac: MAC_A, requested: ADDRESS, server: ip(TO_RACK) }), ['ACK', '']);
  assert.equal(asked.length, before);
});

test('a sole server asks before it agrees to INIT-REBOOT without a record', async () => {
  const { say } = await start(OTHER, subnet({ authoritative: 'yes' }));
  const reboot: Words = { type: 'request', mac: MAC_A, requested: ADDRESS };
  assert.deepEqual(await say(reboot), ['', 'NAK']);
});
